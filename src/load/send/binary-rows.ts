import { relation } from '../../postgres/identifiers.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { BinaryColumn } from '../../sources/file/binary.ts'
import type { Batch } from '../../sources/file/reader.ts'
import { placeColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import type { Carrier } from './carrier.ts'
import { binaryCopyStatement } from './encode.ts'
import type { Outcome } from './refused.ts'
import { simpleValue } from './simple-values.ts'

/** Batches that could not be brought so, from which on nobody tries any more unless more could. */
const mostMisses = 3

/**
 * Brings rows of simple values in COPY's binary format, straight into the landing: the server has neither to read texts nor to
 * compute anything. A batch with a value that is not certain goes another way as a whole.
 */
export class BinaryRows {
  readonly #columns: BinaryColumn[]
  readonly #names: string[]
  #isPlain: boolean | undefined
  #brought = 0
  #missed = 0

  private constructor(columns: BinaryColumn[], names: string[]) {
    this.#columns = columns
    this.#names = names
  }

  /** @returns undefined where PostgreSQL has to compute something, or to ask another table, or rows go straight into the target */
  static of({ plan, references }: LoadTarget, landing: Landing): BinaryRows | undefined {
    if (landing.kind === 'target' || references.length > 0) return undefined
    const columns = plan.filled.flatMap((filled) => simpleValue(filled, plan.names) ?? [])
    if (columns.length < plan.filled.length) return undefined
    return new BinaryRows(
      columns,
      plan.filled.map(({ column }) => column.name),
    )
  }

  /** @returns undefined where nothing was sent, for a value is not certain */
  async bring(carrier: Carrier, batch: Batch): Promise<Outcome | undefined> {
    const { session, landing, scratch } = carrier
    if (!batch.encode || this.#missed > this.#brought + mostMisses) return undefined
    this.#isPlain ??= (await session.one<{ plain: boolean }>(sql('load/expressions_are_plain'))).plain
    if (!this.#isPlain) return undefined
    scratch.clear()
    if (!batch.encode(this.#columns, landing.isPlaced, scratch)) {
      this.#missed++
      return undefined
    }
    this.#brought++
    const columns = landing.isPlaced ? [placeColumn, ...this.#names] : this.#names
    const rows = await session.copyIn(binaryCopyStatement(relation(landing.name), columns), scratch.filled)
    return { landed: carrier.prove(rows, batch.count), refused: [] }
  }
}
