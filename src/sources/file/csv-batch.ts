import { type Cut, cutLine, QuotedCutter } from './csv-cut.ts'
import { type Encoding, everywhereTheSame } from './encoding.ts'
import type { Batch, Dialect, InputRecord } from './reader.ts'

/** What all batches of a file have in common. */
export interface CsvFormat {
  columns: string[]
  dialect: Dialect
  encoding: Encoding
}

/** Where a batch lies in its file. */
export interface Position {
  number: number
  firstRecord: number
  /** 1-based line of its first byte. */
  line: number
  /** Bytes of the text before it. */
  offset: number
  bytesRead: number
}

/** A batch of csv. Its text is made of single bytes, so that an index is an offset; only fields that need it are decoded. */
export class CsvBatch implements Batch {
  readonly number: number
  readonly firstRecord: number
  readonly bytesRead: number
  readonly raw: Buffer | undefined
  readonly #bytes: Buffer
  readonly #position: Position
  readonly #format: CsvFormat
  readonly #quoted: boolean

  /** @param quoted whether there are quotes or CR in it */
  constructor(bytes: Buffer, position: Position, format: CsvFormat, quoted: boolean, sendable: boolean) {
    this.number = position.number
    this.firstRecord = position.firstRecord
    this.bytesRead = position.bytesRead
    this.raw = sendable ? bytes : undefined
    this.#bytes = bytes
    this.#position = position
    this.#format = format
    this.#quoted = quoted
  }

  records(): InputRecord[] {
    const text = this.#bytes.toString('latin1')
    const cut = this.#cutter(text)
    const skipsBlank = this.#format.columns.length > 1
    const judge = this.#judge(text)
    const records: InputRecord[] = []
    let { line } = this.#position
    for (let at = 0; at < text.length; ) {
      const found = cut(at)
      if (found.end > at || !skipsBlank) records.push(judge(found, line, at))
      line += found.lines
      at = found.next
    }
    return records
  }

  original({ offset }: InputRecord): Buffer {
    const start = offset - this.#position.offset
    for (let length = 4096; ; length *= 4) {
      const text = this.#bytes.toString('latin1', start, start + length)
      const { end } = this.#cutter(text)(0)
      if (end < text.length || start + length >= this.#bytes.length)
        return Buffer.from(this.#bytes.subarray(start, start + end))
    }
  }

  #cutter(text: string): (start: number) => Cut {
    const { dialect } = this.#format
    if (!this.#quoted) return (start) => cutLine(text, start, dialect)
    const cutter = new QuotedCutter(text, dialect)
    return (start) => cutter.cut(start)
  }

  /** What is common to all records is looked at once: most batches are ASCII without NUL. */
  #judge(text: string): (found: Cut, line: number, at: number) => InputRecord {
    const { columns, encoding } = this.#format
    const start = this.#position.offset
    const ascii = everywhereTheSame(this.#bytes)
    const nul = this.#bytes.includes(0)
    return ({ fields, end, unclosed }, line, at) => {
      const record: InputRecord = { line, offset: start + at, fields }
      if (!ascii && /[\x80-\xff]/.test(text.slice(at, end))) decode(record, columns, encoding)
      if (nul && text.slice(at, end).includes('\0')) refuseNul(record, columns)
      if (fields.length !== columns.length) record.problem = wrongCount(fields.length, columns)
      if (unclosed) record.problem = { kind: 'quote', message: `a quote is opened and never closed` }
      return record
    }
  }
}

function decode(record: InputRecord, columns: string[], encoding: Encoding): void {
  for (const [index, bytes] of record.fields.entries()) {
    if (bytes === null) continue
    const text = encoding.decode(bytes)
    record.fields[index] = text ?? Buffer.from(bytes, 'latin1').toString()
    if (text === undefined)
      record.problem ??= {
        kind: 'encoding',
        message: `holds bytes that are not ${encoding.name}`,
        ...at(columns, index),
      }
  }
}

function refuseNul(record: InputRecord, columns: string[]): void {
  const index = record.fields.findIndex((field) => field?.includes('\0'))
  record.problem = {
    kind: 'nul',
    message: 'holds a NUL byte, which PostgreSQL does not store',
    ...at(columns, index),
  }
}

function at(columns: string[], index: number): { column?: string } {
  const column = columns[index]
  return column === undefined ? {} : { column }
}

function wrongCount(count: number, columns: string[]): InputRecord['problem'] {
  const missing = columns[count]
  return missing === undefined
    ? { kind: 'columns', message: `has ${count} fields for ${columns.length} columns` }
    : {
        kind: 'columns',
        column: missing,
        message: `has ${count} fields for ${columns.length} columns: ${missing} is missing`,
      }
}
