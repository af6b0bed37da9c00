import { isUtf8 } from 'node:buffer'
import { relation } from '../../postgres/identifiers.ts'
import type { Batch, InputRecord } from '../../sources/file/reader.ts'
import { placeColumn } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import { sift } from './arrivals.ts'
import type { Carrier } from './carrier.ts'
import { copyStatement } from './encode.ts'
import { certainRecord } from './examine.ts'
import { type ByteExamination, byteExamination, doubtfulSpans } from './examine-bytes.ts'
import { asRefused, type Outcome, type Placed } from './refused.ts'

/** A record that the server must be asked about, and where in its batch's bytes it ends, line end included. */
interface Doubtful extends Placed {
  end: number
}

/** Bytes of a file whose columns are those of the table: what COPY wants as they stand. */
export class StraightBytes {
  /** Names in the table, in the order of the file. */
  readonly columns: string[]
  readonly #examinations: ByteExamination[]
  readonly #certain: (record: InputRecord) => boolean

  private constructor(columns: string[], examinations: ByteExamination[], target: LoadTarget) {
    this.columns = columns
    this.#examinations = examinations
    this.#certain = certainRecord(target)
  }

  /** @returns undefined where a column of the file is none of the table, or one of the table is none of the file */
  static of(target: LoadTarget): StraightBytes | undefined {
    const { ignored, input, filled } = target.plan
    if (ignored.length > 0 || input.length !== filled.length) return undefined
    const found = input.flatMap(
      (_, index) => filled.find(({ from }) => 'input' in from && from.input === index)?.column ?? [],
    )
    if (found.length < input.length) return undefined
    const examinations = found.map((column) => byteExamination(column, target.mustHaveValue(column)))
    const names = found.map(({ name }) => name)
    return new StraightBytes(names, examinations, target)
  }

  /** Sends all of a batch. */
  async copyAll(carrier: Carrier, batch: Batch, raw: Buffer): Promise<Outcome> {
    return { landed: await this.#copy(carrier, batch, raw, []), refused: [] }
  }

  /** Sends a batch but for those records that the server refuses of the ones in doubt. */
  async copyCertain(carrier: Carrier, batch: Batch, raw: Buffer): Promise<Outcome> {
    const doubtful = this.#doubtfulLines(carrier, batch, raw) ?? this.#doubtfulRecords(batch, raw)
    const broken = doubtful.filter(({ record }) => record.problem)
    const whole = doubtful.filter(({ record }) => !record.problem)
    const sifted = await sift(carrier.session, carrier.target, whole, () => true)
    const refused = [...broken.map(asRefused), ...sifted.refused]
    const places = new Set(refused.map(({ place }) => place))
    const without = doubtful.filter(({ place }) => places.has(place))
    return { landed: await this.#copy(carrier, batch, raw, without), refused }
  }

  /** Bytes as they stand, but for some records, behind their places where the landing has them. */
  async #copy(carrier: Carrier, batch: Batch, raw: Buffer, without: Doubtful[]): Promise<number> {
    const { isPlaced, name } = carrier.landing
    const columns = isPlaced ? [placeColumn, ...this.columns] : this.columns
    const rows = await carrier.session.copyIn(
      copyStatement(relation(name), columns, carrier.dialect),
      isPlaced || without.length > 0 ? piecesOf(carrier, batch, raw, without) : raw,
    )
    return carrier.prove(rows, batch.count - without.length)
  }

  #doubtfulLines({ dialect }: Carrier, batch: Batch, raw: Buffer): Doubtful[] | undefined {
    const { plain, part } = batch
    if (!plain || !part || !(dialect.encoding !== 'UTF8' || isUtf8(raw))) return undefined
    const { delimiter, nullText } = dialect
    const spans = doubtfulSpans(raw, delimiter.charCodeAt(0), Buffer.from(nullText), this.#examinations)
    return spans?.map(({ index, from, to }) => {
      const source = part.call(batch, index, from, to)
      const [record] = source.records()
      return { record: record as InputRecord, place: batch.firstRecord + index, end: to, source }
    })
  }

  #doubtfulRecords(batch: Batch, raw: Buffer): Doubtful[] {
    const doubtful: Doubtful[] = []
    let place = batch.firstRecord
    let last: { end: number } | undefined
    for (const record of batch.records()) {
      if (last) last.end = record.offset - batch.offset
      last = undefined
      if (record.problem || !this.#certain(record)) {
        const one = { record, place, end: raw.length }
        doubtful.push(one)
        last = one
      }
      place += 1
    }
    return doubtful
  }
}

function piecesOf({ landing, dialect, scratch }: Carrier, batch: Batch, raw: Buffer, without: Doubtful[]) {
  scratch.clear()
  let from = 0
  let place = batch.firstRecord
  for (const one of [...without, undefined]) {
    const to = one ? one.record.offset - batch.offset : raw.length
    if (landing.isPlaced) scratch.numbered(raw, from, to, place, dialect.delimiter)
    else scratch.copy(raw, from, to)
    if (one) {
      from = one.end
      place = one.place + 1
    }
  }
  return scratch.filled
}
