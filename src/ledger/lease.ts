import { hostname } from 'node:os'
import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** Seconds that a lease lives without being renewed; renewed three times in that span. */
const timeToLive = 30

interface LeaseRow {
  epoch: number
  run: number | null
  holder: string
  backend_pids: number[]
  backend_starts: string[]
  given_back: boolean
  expired: boolean | null
  alive: boolean
  seconds_left: number | null
}

/**
 * The right to do one piece of work, held with `await using` and renewed on a connection of its own.
 *
 * A lease is free when it was given back, when it has expired, or when the connection that renews it is gone (the client
 * was killed). Whoever takes it raises the epoch and ends the former holder's backends; the former holder, should it
 * wake, is refused by `check` and by its dead connections.
 */
export class Lease implements AsyncDisposable {
  readonly work: string
  readonly epoch: number
  readonly #renewal: Session
  readonly #timer: NodeJS.Timeout
  readonly #seconds: number
  readonly #lost: (error: Error) => void
  #isRenewed = true

  private constructor(
    work: string,
    epoch: number,
    renewal: Session,
    seconds: number,
    lost: (error: Error) => void,
  ) {
    this.work = work
    this.epoch = epoch
    this.#renewal = renewal
    this.#seconds = seconds
    this.#lost = lost
    let renewing = false
    this.#timer = setInterval(
      async () => {
        if (renewing) return
        renewing = true
        await this.renew()
        renewing = false
      },
      (seconds * 1000) / 3,
    )
    this.#timer.unref()
  }

  /**
   * @param session works under the lease: a take-over ends it
   * @param key what is leased, such as `setup`
   * @param seconds to live without renewal
   * @param start what is other in the beginning: a connection for the renewal that is open already, and is the lease's from now on;
   *   and fewer seconds, until the first call of `renew`
   * @throws DwhError LOCK_HELD when somebody alive holds it, naming the run
   */
  static async take(
    session: Session,
    work: Work,
    key: string,
    run: number,
    seconds = timeToLive,
    start: { renewal?: Session | undefined; seconds?: number } = {},
  ): Promise<Lease> {
    const renewal = start.renewal ?? (await session.sibling(`dwh lease ${run}`))
    try {
      await renewal.run(sql('ledger/open_lease'), [key])
      const epoch = await takeOver(renewal, key, run, start.seconds ?? seconds)
      await joinLease(session, key, epoch)
      const lost = (error: Error) => work.emit({ type: 'warning', message: `lease ${key}: ${error.message}` })
      return new Lease(key, epoch, renewal, seconds, lost)
    } catch (error) {
      await renewal[Symbol.asyncDispose]()
      throw error
    }
  }

  /** False once the connection that renews it has gone: whoever wants it may take it then. */
  get isRenewed(): boolean {
    return this.#isRenewed
  }

  /** Prolongs it now; false where that is no longer ours to do. */
  async renew(): Promise<boolean> {
    try {
      const renewed = await this.#renewal.rows(sql('ledger/renew_lease'), [
        this.work,
        this.epoch,
        this.#seconds,
      ])
      return renewed.length > 0
    } catch (error) {
      this.#isRenewed = false
      this.#lost(error as Error)
      return false
    }
  }

  /** Names another session that works under this lease, so that a take-over ends it too. */
  async join(session: Session): Promise<void> {
    await joinLease(session, this.work, this.epoch)
  }

  /**
   * In the transaction that commits an effect: refuses when the work has changed hands, and keeps it in ours until the
   * commit.
   *
   * @throws DwhError LEASE_LOST
   */
  async check(session: Session): Promise<void> {
    await checkLease(session, this.work, this.epoch)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewal.run(sql('ledger/give_back_lease'), [this.work, this.epoch]).catch(() => {})
    await this.#renewal[Symbol.asyncDispose]()
  }
}

/**
 * Does a piece of work under its lease, and tells a take-over as such: the one who was taken over sees nothing but
 * connections that have gone.
 *
 * @throws DwhError LOCK_HELD, LEASE_LOST, or what `body` throws
 */
export async function underLease<T>(
  session: Session,
  work: Work,
  key: string,
  run: number,
  body: (lease: Lease) => Promise<T>,
): Promise<T> {
  await using lease = await Lease.take(session, work, key, run)
  try {
    return await body(lease)
  } catch (error) {
    const failure = toDwhError(error)
    if (failure.code !== 'SERVER_WENT_AWAY') throw failure
    throw (await isTaken(session, lease)) ? leaseLost(key) : failure
  }
}

/** Asked on a new connection; where none is to be had it was the server that went away. */
async function isTaken(session: Session, { work, epoch }: Lease): Promise<boolean> {
  try {
    await using fresh = await session.sibling('dwh lease')
    return (await fresh.row(sql('ledger/check_lease'), [work, epoch])) === undefined
  } catch {
    return false
  }
}

/** One that lost its lease without letting go: its client stands still, and so do the locks of its connections. */
export interface Stalled {
  /** `run 12 of host:4711` */
  who: string
  /** Ends its connections; what they had not committed is undone. */
  end(): Promise<void>
}

/** Who stands in the way of a piece of work though its lease has expired; reads only. The ledger must be there. */
export async function findStalled(session: Session, key: string): Promise<Stalled | undefined> {
  const found = await session.row<LeaseRow>(sql('ledger/find_lease'), [key])
  if (!found?.expired || !found.alive) return undefined
  return {
    who: `run ${found.run} of ${found.holder}`,
    end: () => endBackends(session, found),
  }
}

/**
 * Ends the connections of one that held a lease and is dead, or has not renewed it in time, so that its locks go: whoever is
 * about to take the lease need not wait for them before. The ledger must be there.
 */
export async function endFormerHolder(session: Session, key: string): Promise<void> {
  const found = await session.row<LeaseRow>(sql('ledger/find_lease'), [key])
  if (found && !found.given_back && (found.expired || !found.alive)) await endBackends(session, found)
}

async function endBackends(session: Session, { backend_pids, backend_starts }: LeaseRow): Promise<void> {
  await session.rows(sql('ledger/end_backends'), [backend_pids, backend_starts])
}

/**
 * The former holder's backends end first and the epoch grows then: a client that was stopped in the middle of a commit
 * holds the row of its lease, and one that dies between the two leaves a lease that is as free as before.
 *
 * @returns the new epoch
 */
async function takeOver(renewal: Session, key: string, run: number, seconds: number): Promise<number> {
  const holder = `${hostname()}:${process.pid}`
  for (;;) {
    const found = await renewal.one<LeaseRow>(sql('ledger/find_lease'), [key])
    if (!found.given_back && !found.expired && found.alive) throw held(key, found)
    await endBackends(renewal, found)
    const taken = await renewal.row<{ epoch: number }>(sql('ledger/take_lease'), [
      key,
      found.epoch,
      !found.alive,
      run,
      holder,
      seconds,
    ])
    if (taken) return taken.epoch
  }
}

/**
 * Names a session that works under a lease, so that a take-over ends it too.
 *
 * @throws DwhError LEASE_LOST
 */
export async function joinLease(session: Session, key: string, epoch: number): Promise<void> {
  if (!(await session.row(sql('ledger/join_lease'), [key, epoch]))) throw leaseLost(key)
}

/**
 * As `check` of a lease, for whoever works under that of another process.
 *
 * @throws DwhError LEASE_LOST
 */
export async function checkLease(session: Session, key: string, epoch: number): Promise<void> {
  if (!(await session.row(sql('ledger/check_lease'), [key, epoch]))) throw leaseLost(key)
}

export function leaseLost(key: string): DwhError {
  return new DwhError(
    'LEASE_LOST',
    `another run took over ${key}; what this one had not committed is undone`,
    { hint: 'see: dwh runs list' },
  )
}

function held(key: string, row: LeaseRow): DwhError {
  const left = Math.max(0, Math.round(row.seconds_left ?? 0))
  return new DwhError(
    'LOCK_HELD',
    `${key} is at work already: run ${row.run} of ${row.holder}; nothing was changed`,
    {
      hint: `wait for it (dwh runs show ${row.run}); if it hangs it loses its lease in ${left} s without a sign of life`,
    },
  )
}
