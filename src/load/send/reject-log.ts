import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { keepRejects, listCauses, type Reject } from '../../ledger/rejects.ts'
import type { Session } from '../../postgres/session.ts'

/** How many records of a file may be refused: a number, or a part of all. */
export type RejectBudget = { records: number } | { share: number }

/** Reads `100` or `5%`; undefined for what is neither. */
export function readBudget(text: string): RejectBudget | undefined {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.replace(/\s/g, '')) ?? []
  const value = Number(number)
  if (number === undefined || (percent ? value > 100 : !Number.isInteger(value))) return undefined
  return percent ? { share: value / 100 } : { records: value }
}

/** How many records a file has. */
export interface Whole {
  /** By its sample. */
  guessed: number
  /** Exactly; it may take as long as reading the file. */
  count(): Promise<number>
}

/** Rejects before which nobody asks how many records there are in all. */
const fewRejects = 1000

/** How many causes of rejects are told; the ledger has them all. */
const mostCauses = 5

/** Writes the rejects of one load into the ledger as they come, tells their causes, and stops it when they are too many. */
export class RejectLog {
  count = 0
  /** Lines that are part of one of them only because a quote is not closed: against the budget they count as records. */
  #swallowed = 0
  readonly #session: Session
  readonly #work: Work
  readonly #load: number
  readonly #budget: RejectBudget
  readonly #whole: Whole
  #records: Promise<number> | undefined
  /** Several connections find rejects; the session takes one statement at a time. */
  #last: Promise<void> = Promise.resolve()
  #isTold = false

  /** @param session used for nothing else meanwhile */
  constructor(session: Session, work: Work, load: number, budget: RejectBudget, whole: Whole) {
    this.#session = session
    this.#work = work
    this.#load = load
    this.#budget = budget
    this.#whole = whole
  }

  /** @throws DwhError REJECTS_TOO_MANY */
  async add(rejects: Reject[], swallowed = 0): Promise<void> {
    if (rejects.length === 0) return
    this.count += rejects.length
    this.#swallowed += swallowed
    this.#last = this.#last.then(() => keepRejects(this.#session, this.#load, rejects))
    await this.#last
    const records = await this.#recordsIfDoubtful()
    if (!this.#isExceeded(records)) return
    const error = this.#tooMany(records)
    await this.tell()
    throw error
  }

  /**
   * A part of the whole is known at the end of the file only. Where the sample says that there are too many rejects already,
   * the records are counted, so that a file that is wrong as a whole does not fill the ledger.
   */
  async #recordsIfDoubtful(): Promise<number | undefined> {
    if ('records' in this.#budget || this.#records) return this.#records
    const { guessed, count } = this.#whole
    if (this.count < fewRejects || this.count <= guessed * this.#budget.share) return undefined
    this.#records = count()
    return this.#records
  }

  /**
   * At the end of the file, when the whole is known.
   *
   * @throws DwhError REJECTS_TOO_MANY
   */
  async settle(records: number): Promise<void> {
    if (!this.#isExceeded(records)) return
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

  /** Never by a part of what is not known. */
  #isExceeded(records: number | undefined): boolean {
    const lost = this.count + this.#swallowed
    if ('records' in this.#budget) return lost > this.#budget.records
    if (records === undefined) return false
    // 29 % of 100 are 28.999999999999996.
    return lost > Math.floor((records + this.#swallowed) * this.#budget.share + 1e-6)
  }

  #tooMany(records: number | undefined): DwhError {
    const of = records === undefined ? '' : ` of ${records.toLocaleString('en')}`
    const budget =
      'records' in this.#budget
        ? `${this.#budget.records}`
        : `${Math.round(this.#budget.share * 10_000) / 100} %`
    const swallowed =
      this.#swallowed === 0
        ? ''
        : `, one of them with the ${this.#swallowed.toLocaleString('en')} lines behind a quote that is never closed,`
    return new DwhError(
      'REJECTS_TOO_MANY',
      `${this.count.toLocaleString('en')}${of} records were refused${swallowed} and ${budget} are allowed; nothing of the file was loaded`,
      { hint: `see why: dwh rejects list --load ${this.#load}; or allow more with --max-rejects` },
    )
  }
}
