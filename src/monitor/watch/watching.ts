import { DwhError } from '../../errors.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import type { Session } from '../../postgres/session.ts'
import { derive } from './derive.ts'
import type { WatchDocument } from './document.ts'
import { look, prepareLooking } from './look.ts'
import { Track } from './track.ts'

/** Looks again and again at some backfills; what it has seen before outlives a connection that was lost. */
export class Watching {
  readonly #asked: number[]
  readonly #years: number[]
  readonly #track = new Track()
  #seen: number[]

  /**
   * @param runs numbers of backfills; without any, all that are alive are watched, new ones too, else the last one
   * @param years of which periods are wanted; all where there are none
   */
  constructor(runs: number[], years: number[]) {
    this.#asked = runs
    this.#seen = runs
    this.#years = years
  }

  /** To be called once for each session that looks. */
  async prepare(session: Session): Promise<void> {
    await prepareLooking(session)
  }

  /**
   * @returns undefined where no backfill was ever planned
   * @throws DwhError USAGE for a number that is no backfill
   */
  async look(session: Session): Promise<WatchDocument | undefined> {
    if (!(await ledgerPresence(session)).has_backfills) return this.#nothing()
    const facts = await look(session, this.#seen, this.#asked.length === 0)
    const numbers = facts?.backfills.map(({ backfill }) => backfill) ?? []
    const missing = this.#asked.find((run) => !numbers.includes(run))
    if (missing !== undefined) throw noBackfill(missing)
    if (!facts) return undefined
    this.#seen = numbers
    return derive(facts, this.#track, this.#years)
  }

  #nothing(): undefined {
    const [first] = this.#asked
    if (first !== undefined) throw noBackfill(first)
  }
}

function noBackfill(run: number): DwhError {
  return new DwhError('USAGE', `run ${run} is no backfill`, { hint: 'see: dwh backfill list' })
}
