import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { keepRejects, listCauses, type Reject } from '../ledger/rejects.ts'
import type { Session } from '../postgres/session.ts'

/** How many records of a file may be refused: a number, or a part of all. */
export type RejectBudget = { records: number } | { share: number }

/** How many causes of rejects are told; the ledger has them all. */
const mostCauses = 5

/** Writes the rejects of one load into the ledger as they come, tells their causes, and stops it when they are too many. */
export class RejectLog {
  count = 0
  readonly #session: Session
  readonly #work: Work
  readonly #load: number
  readonly #budget: RejectBudget
  /** Several connections find rejects; the session takes one statement at a time. */
  #last: Promise<void> = Promise.resolve()
  #isTold = false

  /** @param session used for nothing else meanwhile */
  constructor(session: Session, work: Work, load: number, budget: RejectBudget) {
    this.#session = session
    this.#work = work
    this.#load = load
    this.#budget = budget
  }

  /** @throws DwhError REJECTS_TOO_MANY */
  async add(rejects: Reject[]): Promise<void> {
    if (rejects.length === 0) return
    this.count += rejects.length
    this.#last = this.#last.then(() => keepRejects(this.#session, this.#load, rejects))
    await this.#last
    if (!('records' in this.#budget) || this.count <= this.#budget.records) return
    const error = this.#tooMany(undefined)
    await this.tell()
    throw error
  }

  /**
   * At the end of the file, when the whole is known.
   *
   * @throws DwhError REJECTS_TOO_MANY
   */
  async settle(records: number): Promise<void> {
    const most = 'records' in this.#budget ? this.#budget.records : Math.floor(records * this.#budget.share)
    if (this.count <= most) return
    await this.tell()
    throw this.#tooMany(records)
  }

  /** Tells the causes, once it is certain that the file is not read again; the ledger has all of them. */
  async tell(): Promise<void> {
    if (this.count === 0 || this.#isTold) return
    this.#isTold = true
    this.#last = this.#last.then(async () => {
      const causes = await listCauses(this.#session, this.#load)
      for (const { kind, column, message, count, lines } of causes.slice(0, mostCauses)) {
        const where = column === null ? kind : `${kind} of ${column}`
        const rows = `${count.toLocaleString('en')} ${count === 1 ? 'reject' : 'rejects'}`
        this.#work.emit({ type: 'note', message: `${rows}: ${where}: ${message} (line ${lines.join(', ')})` })
      }
      const more = causes.length - mostCauses
      if (more > 0) this.#work.emit({ type: 'note', message: `and ${more} other causes` })
    })
    await this.#last
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
