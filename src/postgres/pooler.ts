import type pg from 'pg'
import { DwhError } from '../errors.ts'
import { describeTarget, type Target } from './target.ts'

/** What `target` leads to by name: asked once in a process. */
const known = new Map<string, Promise<boolean>>()

/** Milliseconds that a pooler may take for a second connection. */
const patience = 5000

/**
 * Refuses a pooler that gives the connection of a session to others between two transactions: settings, temporary tables and
 * locks of a session would be those of somebody else.
 *
 * @param isPooled the server says another process id than the one that answered the login
 * @param connect opens another connection to the same place
 * @throws DwhError CONFIG_INVALID
 */
export async function refuseTransactionPooling(
  target: Target,
  client: pg.Client,
  isPooled: boolean,
  connect: () => Promise<pg.Client>,
): Promise<void> {
  if (!isPooled) return
  const name = describeTarget(target)
  const found = known.get(name) ?? sharesSessions(client, connect)
  known.set(name, found)
  found.catch(() => known.delete(name))
  if (!(await found)) return
  throw new DwhError(
    'CONFIG_INVALID',
    `${name} is a pooler that gives a session's connection to others between transactions, and dwh needs sessions of its own; nothing was changed`,
    {
      hint: `connect to PostgreSQL itself; or set pool_mode = session for database ${target.database} in pgbouncer.ini, and RELOAD`,
    },
  )
}

/** While another one is in a transaction, a session that is idle keeps its backend, or has lost it. */
async function sharesSessions(client: pg.Client, connect: () => Promise<pg.Client>): Promise<boolean> {
  const before = await backendOf(client)
  const other = await connect()
  try {
    const begun = other.query('BEGIN').then(() => backendOf(other))
    const late = new Promise<undefined>((gone) => setTimeout(gone, patience, undefined).unref())
    const theirs = await Promise.race([begun, late])
    begun.catch(() => {})
    // A pool of one connection: the session that has it keeps it.
    if (theirs === undefined) return false
    return theirs === before || (await backendOf(client)) !== before
  } finally {
    await other.end().catch(() => {})
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid ?? 0
}
