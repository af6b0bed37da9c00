import { DwhError } from '../errors.ts'
import { keepRejects, type Reject } from '../ledger/rejects.ts'
import type { Session } from '../postgres/session.ts'

/** How many records of a file may be refused: a number, or a part of all. */
export type RejectBudget = { records: number } | { share: number }

/** Writes the rejects of one load into the ledger as they come, and stops it when they are too many. */
export class RejectLog {
  count = 0
  readonly #session: Session
  readonly #load: number
  readonly #budget: RejectBudget
  #last: Promise<void> = Promise.resolve()

  /** @param session used for nothing else meanwhile */
  constructor(session: Session, load: number, budget: RejectBudget) {
    this.#session = session
    this.#load = load
    this.#budget = budget
  }

  /** @throws DwhError REJECTS_TOO_MANY */
  async add(rejects: Reject[]): Promise<void> {
    if (rejects.length === 0) return
    this.count += rejects.length
    this.#last = this.#last.then(() => keepRejects(this.#session, this.#load, rejects))
    await this.#last
    if ('records' in this.#budget && this.count > this.#budget.records) throw this.#tooMany(undefined)
  }

  /**
   * At the end of the file, when the whole is known.
   *
   * @throws DwhError REJECTS_TOO_MANY
   */
  settle(records: number): void {
    const most = 'records' in this.#budget ? this.#budget.records : Math.floor(records * this.#budget.share)
    if (this.count > most) throw this.#tooMany(records)
  }

  #tooMany(records: number | undefined): DwhError {
    const of = records === undefined ? '' : ` of ${records.toLocaleString('en')}`
    const budget =
      'records' in this.#budget
        ? `${this.#budget.records}`
        : `${Math.round(this.#budget.share * 10_000) / 100} %`
    return new DwhError(
      'REJECTS_TOO_MANY',
      `${this.count.toLocaleString('en')}${of} records were refused and ${budget} are allowed; nothing of the file was loaded`,
      { hint: `see why: dwh rejects list --load ${this.#load}; or allow more with --max-rejects` },
    )
  }
}
