import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { literal, type RelationName, shown } from './identifiers.ts'
import { Session } from './session.ts'
import { sql } from './sql-files.ts'
import { hasState, sqlstate } from './sqlstate.ts'
import { inTransaction } from './transaction.ts'

/**
 * The lock ladder: how long DDL may stand in a lock queue, attempt by attempt, in milliseconds. Whoever comes behind us
 * in the queue waits at most this long, and then gets in during the pause. There is no last try without a timeout.
 */
const rungs = [100, 100, 200, 200, 400, 400, 800, 800, 1500, 1500, 3000, 3000]

/** Milliseconds of an attempt that leave time to see who is in the way. */
const longEnough = 400

/** How many rungs are climbed: DWH_LOCK_ATTEMPTS, all of them unless it says otherwise; the last one is repeated. */
function ladderRungs(): number[] {
  const attempts = Number(process.env.DWH_LOCK_ATTEMPTS ?? rungs.length)
  return Array.from({ length: Math.max(1, attempts) }, (_, index) => rungs[index] ?? (rungs.at(-1) as number))
}

export interface Ladder {
  /** What is being locked, for the message when the ladder ends; empty where only the SQL of a user knows. */
  relations: RelationName[]
  /** Milliseconds of lock timeout, attempt by attempt. */
  rungs?: readonly number[] | undefined
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
  const timeouts = ladder.rungs ?? ladderRungs()
  const started = performance.now()
  for (const [index, timeout] of timeouts.entries()) {
    work.signal.throwIfAborted()
    const isLast = index === timeouts.length - 1
    await using watch = isLast || timeout >= longEnough ? await Watch.begin(session) : undefined
    try {
      return await attempt(timeout)
    } catch (error) {
      if (!isLockTrouble(error)) throw error
      if (isLast) throw ladderEnded(ladder.relations, watch?.blocker, error)
      const pause = timeout * (1 + 2 * Math.random())
      const on = names(ladder.relations)
      const by = watch?.blocker
      work.emit({
        type: 'note',
        message: `waiting for a lock on ${on} (attempt ${index + 1})${by ? `: ${describe(by)}` : ''}`,
        lock: {
          on,
          waited: (performance.now() - started) / 1000,
          seconds: (pause + (timeouts[index + 1] ?? 0)) / 1000,
          by: by ? { pid: by.pid, target: by.target, who: whoIs(by) } : null,
        },
      })
      await sleep(pause, undefined, { signal: work.signal })
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

/** `climb` outside of transactions, for reading what somebody may have locked against readers. */
export async function climbInSession<T>(
  session: Session,
  work: Work,
  ladder: Ladder,
  attempt: () => Promise<T>,
): Promise<T> {
  const { before } = await session.one<{ before: string }>("SELECT current_setting('lock_timeout') AS before")
  try {
    return await climb(session, work, ladder, async (timeout) => {
      await session.run(`SET lock_timeout = ${timeout}`)
      return attempt()
    })
  } finally {
    await session.client.query(`SET lock_timeout = ${literal(before)}`).catch(() => {})
  }
}

/** `climb` within a transaction that goes on: each attempt is a savepoint with its lock_timeout set. */
export async function climbInSavepoint<T>(
  session: Session,
  work: Work,
  ladder: Ladder,
  attempt: () => Promise<T>,
): Promise<T> {
  const { before } = await session.one<{ before: string }>("SELECT current_setting('lock_timeout') AS before")
  return climb(session, work, ladder, async (timeout) => {
    await session.run('SAVEPOINT locks')
    try {
      await session.run(`SET LOCAL lock_timeout = ${timeout}`)
      const result = await attempt()
      await session.run(`SET LOCAL lock_timeout = ${literal(before)}`)
      return result
    } catch (error) {
      await session.client.query('ROLLBACK TO SAVEPOINT locks').catch(() => {})
      throw error
    }
  })
}

/** A session in the way. */
export interface Blocker {
  /** 0 for a prepared transaction, which has no session. */
  pid: number
  /** What is waited for: a relation, or the kind of another lock. */
  target: string | null
  /** What it holds on the relation; null where it waits in front, or for locks of other kinds. */
  mode: string | null
  application: string
  role: string
  state: string
  seconds: number | null
  query: string
}

/**
 * Looks from a second connection who blocks a session while it waits: afterwards nobody can tell any more, and those who
 * hold some lock on the same relation need not be those who are in the way.
 */
class Watch implements AsyncDisposable {
  blocker: Blocker | undefined
  readonly #ended = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  static async begin(session: Session): Promise<Watch> {
    const watch = new Watch()
    const quiet: Work = { emit: () => {}, signal: new AbortController().signal }
    // Where no connection is free the error names nobody.
    const eye = await Session.open(session.target, 'dwh watch', quiet).catch(() => undefined)
    if (eye) watch.#watching = watch.#look(eye, session.pid)
    return watch
  }

  async #look(eye: Session, pid: number): Promise<void> {
    await using open = eye
    // Each look locks the whole lock table for a moment: soon ones for a short attempt, rare ones for a long.
    for (let pause = 5; !this.#ended.signal.aborted; pause = Math.min(pause * 1.5, 250)) {
      const blocker = await open.row<Blocker>(sql('postgres/blockers'), [pid]).catch(() => undefined)
      this.blocker = blocker ?? this.blocker
      await sleep(pause, undefined, { signal: this.#ended.signal }).catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort()
    await this.#watching
  }
}

function ladderEnded(relations: RelationName[], blocker: Blocker | undefined, cause: unknown): DwhError {
  const wanted = relations.map(shown).join(', ') || (blocker?.target ?? 'the relations')
  return new DwhError('LOCK_HELD', `no lock on ${wanted} within the ladder; ${describe(blocker)}`, {
    cause,
    hint: `${wayOut(blocker)}run the same command again`,
  })
}

function describe(blocker: Blocker | undefined): string {
  if (!blocker) return 'whoever held it has just gone'
  const { pid, target, mode, seconds, query } = blocker
  if (pid === 0) return `a prepared transaction holds a lock on ${target}`
  const who = whoIs(blocker)
  const since = seconds === null ? '' : ` for ${Math.round(seconds)} s`
  return `session ${pid} (${who}) ${mode ? `holds ${mode} on` : 'stands in front for'} ${target}${since}: ${query}`
}

const whoIs = ({ role, application, state }: Blocker) => [role, application, state].filter(Boolean).join(', ')

function wayOut(blocker: Blocker | undefined): string {
  if (!blocker) return ''
  if (blocker.pid === 0) return 'see pg_prepared_xacts, COMMIT or ROLLBACK PREPARED what is there, and '
  return `wait for it, or end it with SELECT pg_terminate_backend(${blocker.pid}), and `
}

const names = (relations: RelationName[]) => relations.map(shown).join(', ') || 'the relations'
