import { ident } from '../../src/postgres/identifiers.ts'
import type { BenchServer } from './bench.ts'

/** The database that ways work in. */
export const database = 'bench'

/** Makes the database anew, as another is, with nothing left to write. */
export async function cloneDatabase(server: BenchServer, template: string): Promise<void> {
  await using admin = await server.open()
  await admin.run(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
  await admin.run(`CREATE DATABASE ${database} TEMPLATE ${ident(template)}`)
  await admin.run('CHECKPOINT')
}

/** Where the database is, as psql, pg_dump and dwh are told. */
export function clientEnvironment({ target }: BenchServer, name = database): Record<string, string> {
  return {
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGDATABASE: name,
  }
}

/** `15` */
export async function serverMajor(server: BenchServer): Promise<number> {
  await using session = await server.open()
  return Math.floor(session.serverVersion / 10_000)
}
