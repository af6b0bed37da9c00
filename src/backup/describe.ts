import { appliedMigrations, ledgerPosition } from '../ledger/position.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Manifest } from './manifest.ts'
import { type Scope, scopeParameters } from './scope.ts'

/** What a manifest says of the database and of the server, beside the tables. */
export type Described = Pick<Manifest, 'server' | 'database' | 'migrations' | 'ledger' | 'needs' | 'objects'>

/**
 * @param session in the snapshot of the backup
 * @param oids of the tables in scope
 */
export async function describeDatabase(session: Session, scope: Scope, oids: number[]): Promise<Described> {
  const database = await session.one<Manifest['database']>(sql('backup/database'))
  const needs = await session.one<Manifest['needs']>(sql('backup/needs'), [
    scope.kind === 'database' ? null : oids,
  ])
  return {
    server: { version: session.serverVersion, system_identifier: await systemIdentifier(session) },
    database,
    migrations: await appliedMigrations(session),
    ledger: await ledgerPosition(session),
    needs,
    objects: await countObjects(session, scope),
  }
}

/** How many objects of each kind a scope has. */
export async function countObjects(session: Session, scope: Scope): Promise<Record<string, number>> {
  const rows = await session.rows<{ kind: string; number: number }>(
    sql('backup/objects'),
    scopeParameters(scope),
  )
  return Object.fromEntries(rows.map(({ kind, number }) => [kind, number]))
}

/** Null where we may not ask. */
export async function systemIdentifier(session: Session): Promise<string | null> {
  const { may } = await session.one<{ may: boolean }>(sql('backup/may_identify'))
  if (!may) return null
  return (await session.one<{ identifier: string }>(sql('backup/system_identifier'))).identifier
}
