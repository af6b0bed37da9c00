import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { DwhError } from '../errors.ts'
import { describeTarget, type Target } from './target.ts'

/** Why nobody can tell what a place does with sessions. */
interface Untold {
  why: string
}

/** What `target` leads to by name: asked once in a process, or until somebody can tell. */
const known = new Map<string, Promise<boolean | Untold>>()

/** Milliseconds that a pooler may take for a second connection. */
const patience = 5000

/**
 * Refuses a pooler that gives the connection of a session to others between two transactions: settings, temporary tables and
 * locks of a session would be those of somebody else. To be asked where the server says another process id than the one that
 * answered the login, before any setting is made: it would stay behind with a connection that others work on.
 *
 * @param connect opens another connection to the same place
 * @returns why nobody can tell, where that is so: the session goes on, as nearly all sessions are what they seem
 * @throws DwhError CONFIG_INVALID
 */
export async function refuseTransactionPooling(
  target: Target,
  client: pg.Client,
  connect: () => Promise<pg.Client>,
): Promise<string | undefined> {
  const name = describeTarget(target)
  const found = known.get(name) ?? sharesSessions(client, connect)
  known.set(name, found)
  found.catch(() => known.delete(name))
  const shares = await found
  if (shares === false) return undefined
  if (shares !== true) {
    known.delete(name)
    return `nobody can tell whether ${name} is a pooler that gives a session's connection to others: ${shares.why}`
  }
  throw new DwhError(
    'CONFIG_INVALID',
    `${name} is a pooler that gives a session's connection to others between transactions, and dwh needs sessions of its own; nothing was changed`,
    {
      hint: `connect to PostgreSQL itself; or set pool_mode = session for database ${target.database} in pgbouncer.ini, and RELOAD`,
    },
  )
}

/** While another one is in a transaction, a session that is idle keeps its backend, or has lost it. */
async function sharesSessions(
  client: pg.Client,
  connect: () => Promise<pg.Client>,
): Promise<boolean | Untold> {
  const before = await backendOf(client)
  // Its connections may be given out in turn.
  if ((await backendOf(client)) !== before) return true
  let other: pg.Client
  try {
    other = await connect()
  } catch (error) {
    return { why: `a second connection is refused: ${(error as Error).message}` }
  }
  try {
    const theirs = await inTime(other.query('BEGIN').then(() => backendOf(other)))
    if (theirs === before) return true
    // Where no connection was left for the other one it waits in front of us, unless ours is kept for us.
    const now = await inTime(backendOf(client))
    return now !== before
  } catch (error) {
    const { message } = error as Error
    // With pool_mode = statement there is no transaction at all.
    if (message.includes('statement pooling mode')) return true
    return { why: `a second connection is of no use: ${message}` }
  } finally {
    await other.end().catch(() => {})
  }
}

/** undefined where it takes too long. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  answer.catch(() => {})
  const over = new AbortController()
  try {
    return await Promise.race([answer, sleep(patience, undefined, { signal: over.signal })])
  } finally {
    over.abort()
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid ?? 0
}
