import { hostname } from 'node:os'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'

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
    this.#timer = setInterval(
      () => {
        renewal.rows(sql('ledger/renew_lease'), [work, epoch, seconds]).catch(lost)
      },
      (seconds * 1000) / 3,
    )
    this.#timer.unref()
  }

  /**
   * @param key what is leased, such as `setup`
   * @param seconds to live without renewal
   * @throws DwhError LOCK_HELD when somebody alive holds it, naming the run
   */
  static async take(
    session: Session,
    work: Work,
    key: string,
    run: number,
    seconds = timeToLive,
  ): Promise<Lease> {
    const renewal = await session.sibling(`dwh lease ${run}`)
    try {
      await renewal.run(sql('ledger/open_lease'), [key])
      const { epoch, former } = await inTransaction(renewal, async () => {
        const row = await renewal.one<LeaseRow>(sql('ledger/lock_lease'), [key])
        if (!row.given_back && !row.expired && row.alive) throw held(key, row)
        const holder = `${hostname()}:${process.pid}`
        const taken = await renewal.one<{ epoch: number }>(sql('ledger/take_lease'), [
          key,
          run,
          holder,
          seconds,
        ])
        return { epoch: taken.epoch, former: row }
      })
      await renewal.rows(sql('ledger/end_backends'), [former.backend_pids, former.backend_starts])
      const lost = (error: Error) => work.emit({ type: 'warning', message: `lease ${key}: ${error.message}` })
      return new Lease(key, epoch, renewal, seconds, lost)
    } catch (error) {
      await renewal[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Names another session that works under this lease, so that a take-over ends it too. */
  async join(session: Session): Promise<void> {
    const row = await session.row(sql('ledger/join_lease'), [this.work, this.epoch])
    if (!row) throw this.#lost()
  }

  /**
   * In the transaction that commits an effect: refuses when the work has changed hands, and keeps it in ours until the
   * commit.
   *
   * @throws DwhError LEASE_LOST
   */
  async check(session: Session): Promise<void> {
    const row = await session.row(sql('ledger/check_lease'), [this.work, this.epoch])
    if (!row) throw this.#lost()
  }

  #lost(): DwhError {
    return new DwhError(
      'LEASE_LOST',
      `another run took over ${this.work}; what this one had not committed is undone`,
      {
        hint: 'see: dwh runs list',
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewal.run(sql('ledger/give_back_lease'), [this.work, this.epoch]).catch(() => {})
    await this.#renewal[Symbol.asyncDispose]()
  }
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
