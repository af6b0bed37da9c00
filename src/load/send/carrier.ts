import { DwhError } from '../../errors.ts'
import { shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Dialect, Reader } from '../../sources/file/reader.ts'
import { Scratch } from '../../sources/file/scratch.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { isOfData } from './care.ts'

/** A connection that loads one chunk after another needs no new memory for each. */
const scratches = new WeakMap<Session, Scratch>()

/** One connection of a load, with what it brings rows by: one batch after another. */
export class Carrier {
  readonly session: Session
  readonly target: LoadTarget
  readonly landing: Landing
  /** Of the reader, for bytes that are sent as they stand. */
  readonly dialect: Dialect
  readonly scratch: Scratch

  constructor(session: Session, target: LoadTarget, landing: Landing, { dialect }: Reader) {
    this.session = session
    this.target = target
    this.landing = landing
    this.dialect = dialect
    this.scratch = scratches.get(session) ?? new Scratch()
    scratches.set(session, this.scratch)
  }

  /**
   * Does something that the data may be at fault for.
   *
   * @returns what it returns, or the error that the data is at fault for: nothing of it is there then
   */
  async attempt<T>(work: () => Promise<T>): Promise<T | DwhError> {
    const { session } = this
    const isInTransaction = this.landing.kind === 'target'
    if (isInTransaction) await session.run('SAVEPOINT batch')
    try {
      const result = await work()
      if (isInTransaction) await session.run('RELEASE SAVEPOINT batch')
      return result
    } catch (error) {
      if (!(error instanceof DwhError && isOfData(error))) throw error
      if (isInTransaction) await session.run('ROLLBACK TO SAVEPOINT batch')
      return error
    }
  }

  /**
   * A trigger may have kept rows, or the server have read the bytes otherwise than we have.
   *
   * @throws DwhError PROOF_FAILED
   */
  prove(rows: number, expected: number): number {
    if (rows === expected) return rows
    throw new DwhError(
      'PROOF_FAILED',
      `of ${expected} rows ${rows} came to ${shown(this.landing.name)}; nothing was loaded`,
      { hint: 'a trigger or a rule may keep rows: see which, and run the same command again' },
    )
  }
}
