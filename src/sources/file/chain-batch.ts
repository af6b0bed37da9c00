import type { Batch, InputRecord } from './reader.ts'
import type { Translation } from './translate.ts'

/** What lies before a file of a chain. */
export interface Before {
  /** Batches. */
  number: number
  records: number
  /** Stored bytes. */
  bytesRead: number
}

/** A batch of one file, counted on in the chain; its lines and offsets are those of its file. */
export class ChainBatch implements Batch {
  readonly number: number
  readonly firstRecord: number
  readonly count: number
  readonly offset: number
  readonly bytesRead: number
  readonly raw: Buffer | undefined
  readonly plain?: boolean
  readonly part?: (index: number, from: number, to: number) => Batch
  readonly #batch: Batch
  readonly #translation: Translation | undefined

  constructor(batch: Batch, before: Before, translation: Translation | undefined) {
    this.number = before.number
    this.firstRecord = before.records + batch.firstRecord
    this.count = batch.count
    this.offset = batch.offset
    this.bytesRead = before.bytesRead + batch.bytesRead
    this.raw = translation ? undefined : batch.raw
    if (!translation && batch.plain) {
      this.plain = true
      this.part = (index, from, to) => {
        const part = (batch.part as NonNullable<Batch['part']>)(index, from, to)
        return new ChainBatch(part, before, undefined)
      }
    }
    this.#batch = batch
    this.#translation = translation
  }

  *records(): Generator<InputRecord, void, undefined> {
    if (this.#translation === undefined) yield* this.#batch.records()
    else for (const record of this.#batch.records()) yield this.#translation.record(record)
  }

  original(record: InputRecord): Buffer {
    const original = this.#batch.original(record)
    return this.#translation?.original(original, record) ?? original
  }

  [Symbol.dispose](): void {
    this.#batch[Symbol.dispose]()
  }
}
