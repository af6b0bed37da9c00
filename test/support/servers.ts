import { join } from 'node:path'
import { inject } from 'vitest'
import type { Binaries } from '../../src/postgres/server/binaries.ts'
import { socketTarget } from '../../src/postgres/server/running.ts'
import { startServer } from '../../src/postgres/server/server.ts'
import { throwAway } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { initialised } from './own-server.ts'
import { quietWork } from './work.ts'

/** One of the servers that the whole run shares. */
export interface TestServer {
  /** `PostgreSQL 15` */
  name: string
  binaries: Binaries
  /** Starts the server where no test has yet; whoever comes second finds it running. */
  target(): Promise<Target>
  /** A session in the database `postgres`, for tests that leave nothing there; to be held with `await using`. */
  open(): Promise<Session>
}

/**
 * A test that is about PostgreSQL runs on each:
 *
 *     describe.each(servers)('attach on $name', (server) => { … })
 *
 * The first is the newest of the system, with LZ4; the second PostgreSQL 18 without it.
 */
export const servers: TestServer[] = inject('binaries').map(testServer)

/** For tests that need a server, and any will do. */
export const server = servers[0] as TestServer

function testServer(binaries: Binaries): TestServer {
  let started: Promise<Target> | undefined
  const start = async () => {
    const folder = join(inject('runFolder'), 'servers', String(binaries.major))
    await initialised(folder, binaries)
    const { port } = await startServer(folder, quietWork(), { binaries, settings })
    return { ...socketTarget(folder, port), database: 'postgres' }
  }
  const target = () => (started ??= start())
  const open = async () => Session.open(await target(), 'dwh test', quietWork())
  return { name: `PostgreSQL ${binaries.major}`, binaries, target, open }
}

const settings = {
  ...throwAway,
  shared_buffers: '256MB',
  // Its folder may lie in memory.
  max_wal_size: '256MB',
  wal_compression: 'off',
  wal_init_zero: false,
  // It is on, as dwh doctor asks, and never comes: sizes, statistics and locks are the tests' own.
  autovacuum_naptime: '1d',
  max_connections: 200,
  max_prepared_transactions: 10,
}
