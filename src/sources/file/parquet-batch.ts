import type { DecodedArray } from 'hyparquet'
import type { ToText } from './parquet-text.ts'
import type { Batch, InputRecord } from './reader.ts'

/** One column of a row group. */
export interface ColumnValues {
  values: DecodedArray
  toText: ToText
}

/** Some rows of a row group; their text is made when it is asked for. */
export class ParquetBatch implements Batch {
  readonly number: number
  readonly firstRecord: number
  readonly count: number
  readonly offset: number
  readonly bytesRead: number
  readonly raw = undefined
  readonly #columns: string[]
  readonly #values: ColumnValues[]
  readonly #groupStart: number
  readonly #range: { from: number; to: number }

  /** @param range of rows within the group */
  constructor(
    number: number,
    groupStart: number,
    bytesRead: number,
    columns: string[],
    values: ColumnValues[],
    range: { from: number; to: number },
  ) {
    this.number = number
    this.firstRecord = groupStart + range.from + 1
    this.count = range.to - range.from
    this.offset = groupStart + range.from
    this.bytesRead = bytesRead
    this.#columns = columns
    this.#values = values
    this.#groupStart = groupStart
    this.#range = range
  }

  *records(): Generator<InputRecord, void, undefined> {
    for (let row = this.#range.from; row < this.#range.to; row++) yield this.#record(row)
  }

  #record(row: number): InputRecord {
    const offset = this.#groupStart + row
    const record: InputRecord = { line: offset + 1, offset, fields: [] }
    for (let index = 0; index < this.#values.length; index++) {
      const { values, toText } = this.#values[index] as ColumnValues
      const value = values[row]
      const text = value === undefined || value === null ? null : toText(value)
      record.fields.push(text ?? null)
      const column = this.#columns[index] as string
      if (text === undefined)
        record.problem = { kind: 'encoding', column, message: 'holds text that is not UTF-8' }
      else if (text?.includes('\0'))
        record.problem = { kind: 'nul', column, message: 'holds a NUL byte, which PostgreSQL does not store' }
    }
    return record
  }

  original({ offset }: InputRecord): Buffer {
    const { fields } = this.#record(offset - this.#groupStart)
    return Buffer.from(
      JSON.stringify(Object.fromEntries(this.#columns.map((name, index) => [name, fields[index]]))),
    )
  }

  /** Its row group is in use until the last batch of it. */
  [Symbol.dispose](): void {}
}
