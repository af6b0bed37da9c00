import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type RelationName, relation, shown } from './identifiers.ts'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'
import { hasState, sqlstate } from './sqlstate.ts'
import { inTransaction } from './transaction.ts'

/**
 * The lock ladder: how long DDL may stand in a lock queue, attempt by attempt, in milliseconds. Whoever comes behind us
 * in the queue waits at most this long, and then gets in during the pause. There is no last try without a timeout.
 */
const rungs = [100, 100, 200, 200, 400, 400, 800, 800, 1500, 1500, 3000, 3000]

/** How many rungs are climbed: DWH_LOCK_ATTEMPTS, all of them unless it says otherwise; the last one is repeated. */
function ladderRungs(): number[] {
  const attempts = Number(process.env.DWH_LOCK_ATTEMPTS ?? rungs.length)
  return Array.from({ length: Math.max(1, attempts) }, (_, index) => rungs[index] ?? (rungs.at(-1) as number))
}

export interface Ladder {
  /** What is being locked, for the message when the ladder ends; empty where only the SQL of a user knows. */
  relations: RelationName[]
}

/**
 * Tries `attempt` with the lock timeouts of the ladder, pausing with jitter, for as long as it fails with
 * lock_not_available or deadlock_detected (or a LOCK TABLE over its statement_timeout) and nothing else.
 *
 * @param attempt gets the milliseconds it may wait for locks and must leave no open transaction or savepoint behind
 * @throws DwhError LOCK_HELD naming who holds the lock, when the ladder ends
 */
export async function climb<T>(
  session: Session,
  work: Work,
  ladder: Ladder,
  attempt: (lockTimeout: number) => Promise<T>,
): Promise<T> {
  const timeouts = ladderRungs()
  for (const [index, timeout] of timeouts.entries()) {
    work.signal.throwIfAborted()
    try {
      return await attempt(timeout)
    } catch (error) {
      if (!isLockTrouble(error)) throw error
      if (index === timeouts.length - 1) throw await ladderEnded(session, ladder.relations, error)
      work.emit({
        type: 'note',
        message: `waiting for a lock on ${names(ladder.relations)} (attempt ${index + 1})`,
      })
      await sleep(timeout * (1 + 2 * Math.random()), undefined, { signal: work.signal })
    }
  }
  throw new DwhError('FAILED', 'a lock ladder without rungs')
}

/** A lock that did not come in time, by lock_timeout, by the statement_timeout of a LOCK TABLE, or by deadlock. */
function isLockTrouble(error: unknown): boolean {
  if (hasState(error, sqlstate.lockNotAvailable, sqlstate.deadlockDetected)) return true
  return hasState(error, sqlstate.queryCanceled) && /statement timeout/.test(String(error))
}

/** `climb` where each attempt is one transaction with its lock_timeout set. */
export async function climbInTransaction<T>(
  session: Session,
  work: Work,
  ladder: Ladder,
  attempt: () => Promise<T>,
): Promise<T> {
  return climb(session, work, ladder, (timeout) =>
    inTransaction(session, async () => {
      await session.run(`SET LOCAL lock_timeout = ${timeout}`)
      return attempt()
    }),
  )
}

interface Holder {
  relation: string
  pid: number
  application: string
  role: string
  state: string
  mode: string
  seconds: number | null
  query: string
}

/** Names the sessions in the way of some relations, longest transaction first. */
export async function lockHolders(session: Session, relations: RelationName[]): Promise<Holder[]> {
  return session.rows<Holder>(sql('postgres/lock_holders'), [relations.map(relation)])
}

async function ladderEnded(session: Session, relations: RelationName[], cause: unknown): Promise<DwhError> {
  const [holder] = await lockHolders(session, relations)
  const who = holder
    ? `session ${holder.pid} (${holder.role}, ${holder.application || 'no application name'}, ${holder.state}) holds ${holder.mode} on ${holder.relation}` +
      `${holder.seconds === null ? '' : ` for ${Math.round(holder.seconds)} s`}: ${holder.query}`
    : 'whoever held it has just gone'
  return new DwhError('LOCK_HELD', `no lock on ${names(relations)} within the ladder; ${who}`, {
    cause,
    hint: holder
      ? `wait for it, or end it with SELECT pg_terminate_backend(${holder.pid}), and run the same command again`
      : 'run the same command again',
  })
}

const names = (relations: RelationName[]) => relations.map(shown).join(', ') || 'the relations'
