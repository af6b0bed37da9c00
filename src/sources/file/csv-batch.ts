import { releaseBlock } from './blocks.ts'
import type { Cut } from './csv-cut.ts'
import { openWindow, type Window } from './csv-window.ts'
import type { CsvFormat } from './dialect.ts'
import type { Encoding } from './encoding.ts'
import type { Batch, InputRecord } from './reader.ts'

/** Where a batch lies in its file. */
export interface Position {
  number: number
  firstRecord: number
  /** Records. */
  count: number
  /** 1-based line of its first byte. */
  line: number
  /** Bytes of the text before it. */
  offset: number
  bytesRead: number
}

/** A batch of csv, cut in windows of its text. */
export class CsvBatch implements Batch {
  readonly number: number
  readonly firstRecord: number
  readonly count: number
  readonly offset: number
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
    this.count = position.count
    this.offset = position.offset
    this.bytesRead = position.bytesRead
    this.raw = sendable ? bytes : undefined
    this.#bytes = bytes
    this.#position = position
    this.#format = format
    this.#quoted = quoted
  }

  get plain(): boolean {
    return this.raw !== undefined && !this.#quoted
  }

  part(index: number, from: number, to: number): Batch {
    const { number, bytesRead } = this
    const { firstRecord, line, offset } = this.#position
    const position = {
      number,
      bytesRead,
      firstRecord: firstRecord + index,
      count: 1,
      line: line + index,
      offset: offset + from,
    }
    return new CsvBatch(this.#bytes.subarray(from, to), position, this.#format, false, true)
  }

  *records(): Generator<InputRecord, void, undefined> {
    const bytes = this.#bytes
    const judge = this.#judge()
    const skipsBlank = this.#format.columns.length > 1
    let { line } = this.#position
    let wanted = 0
    for (let start = 0; start < bytes.length; ) {
      const window = openWindow(bytes, start, wanted, this.#format, this.#quoted)
      const { text, cutter, whole } = window
      let taken = 0
      for (let at = 0; at < text.length; ) {
        const found = cutter.cut(at)
        // It may go on after the window.
        if (!whole && found.next >= text.length) break
        const record = { line, offset: this.#position.offset + start + taken, fields: found.fields }
        if (found.end > at || !skipsBlank) yield judge(record, found, window, at)
        taken += window.bytesOf(at, Math.min(found.next, text.length))
        line += found.lines
        at = found.next
      }
      wanted = taken === 0 ? 2 * Buffer.byteLength(text) : 0
      start += taken
    }
  }

  original({ offset }: InputRecord): Buffer {
    const start = offset - this.#position.offset
    for (let wanted = 0; ; ) {
      const { text, cutter, whole, bytesOf } = openWindow(
        this.#bytes,
        start,
        wanted,
        this.#format,
        this.#quoted,
      )
      const { end, next } = cutter.cut(0)
      if (whole || next < text.length)
        return Buffer.from(this.#bytes.subarray(start, start + bytesOf(0, end)))
      wanted = 2 * Buffer.byteLength(text)
    }
  }

  [Symbol.dispose](): void {
    releaseBlock(this.#bytes)
  }

  /** Finds what makes it no record; most batches have no NUL at all. */
  #judge(): (record: InputRecord, cut: Cut, window: Window, at: number) => InputRecord {
    const { columns, encoding } = this.#format
    const nul = this.#bytes.includes(0)
    return (record, { fields, end, lines, unclosed }, { text, encoded }, at) => {
      if (encoded && beyondAscii.test(text.slice(at, end))) decode(record, columns, encoding)
      if (nul && text.slice(at, end).includes('\0')) refuseNul(record, columns)
      if (fields.length !== columns.length) record.problem = wrongCount(fields.length, columns)
      if (unclosed) {
        record.problem = { kind: 'quote', message: `a quote is opened and never closed` }
        // The last line may have an end.
        record.swallowed = lines - (text.endsWith('\n', end) || text.endsWith('\r', end) ? 2 : 1)
      }
      return record
    }
  }
}

/** Bytes that mean something else in each encoding. */
const beyondAscii = /[\x80-\xff]/

function decode(record: InputRecord, columns: string[], encoding: Encoding): void {
  for (const [index, bytes] of record.fields.entries()) {
    if (bytes === null || !beyondAscii.test(bytes)) continue
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
