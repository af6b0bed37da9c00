import { isAscii, isUtf8 } from 'node:buffer'
import { type BinaryColumn, binaryHeader, binaryTrailer } from './binary.ts'
import { releaseBlock } from './blocks.ts'
import type { Position } from './csv-batch.ts'
import type { Encoding } from './encoding.ts'
import { writeFound, writeRow } from './json-binary.ts'
import { writeLine } from './json-line.ts'
import { fieldsOf, type JsonColumn, jsonColumn } from './json-record.ts'
import type { JsonScanner } from './json-scan.ts'
import type { Span, Spans } from './json-spans.ts'
import type { Found, JsonTemplate } from './json-template.ts'
import { line as lineOf } from './plain-csv.ts'
import type { Batch, InputRecord, PlacedRecord } from './reader.ts'
import type { Scratch } from './scratch.ts'

/** What all batches of a file have in common. */
export interface JsonFormat {
  columns: string[]
  encoding: Encoding
  /** Keys that are no columns are passed over: the user has named those that count. */
  chosen: boolean
  /** Of all batches: what it has learned of the first it knows in the next. */
  scanner: JsonScanner
  template: JsonTemplate
}

/** As much text as is looked at in one go is small enough that it dies young. */
const windowBytes = 64 * 1024

/** Some bytes of a batch as text of which each character is a byte. */
interface Window {
  start: number
  end: number
  text: string
  ascii: boolean
  escapes: boolean
}

/** Objects of an array, or the lines of NDJSON. */
export class JsonBatch implements Batch {
  readonly number: number
  readonly firstRecord: number
  readonly count: number
  readonly offset: number
  readonly bytesRead: number
  readonly raw = undefined
  readonly #bytes: Buffer
  readonly #values: Spans['values']
  readonly #position: Position
  readonly #format: JsonFormat
  readonly #columns: JsonColumn[]
  #isUtf8: boolean | undefined

  constructor(bytes: Buffer, values: Spans['values'], position: Position, format: JsonFormat) {
    this.number = position.number
    this.firstRecord = position.firstRecord
    this.count = position.count
    this.offset = position.offset
    this.bytesRead = position.bytesRead
    this.#bytes = bytes
    this.#values = values
    this.#position = position
    this.#format = format
    this.#columns = format.columns.map(jsonColumn)
  }

  *records(): Generator<InputRecord, void, undefined> {
    let window = this.#window(0, 0)
    for (const span of this.#values) {
      if (span.end > window.end) window = this.#window(span.start, span.end)
      yield this.#record(span, window)
    }
  }

  write(inputs: number[], isPlaced: boolean, into: Scratch): PlacedRecord[] {
    const { scanner, template } = this.#format
    const mayScan = this.#hasUtf8
    const broken: PlacedRecord[] = []
    let place = this.firstRecord
    for (const { span, found } of this.#matched(mayScan)) {
      const number = isPlaced ? place : undefined
      if (found) writeLine(found, span.end - span.start, inputs, number, into)
      else if (!mayScan || !scanner.write(this.#bytes, span.start, span.end, inputs, number, into)) {
        const record = this.#record(span, this.#window(span.start, span.end, 0))
        if (record.problem) broken.push({ record, place })
        else {
          into.text(lineOf(record.fields, inputs, number))
          if (scanner.lacksKey) scanner.learn(this.#bytes.toString('utf8', span.start, span.end))
        }
      } else if (template.wantsLesson) template.learn(this.#bytes.toString('utf8', span.start, span.end))
      place += 1
    }
    return broken
  }

  encode(columns: BinaryColumn[], isPlaced: boolean, into: Scratch): boolean {
    if (!this.#hasUtf8) return false
    into.copy(binaryHeader, 0, binaryHeader.length)
    let place = this.firstRecord
    for (const { span, found } of this.#matched(true)) {
      const number = isPlaced ? place : undefined
      const isWritten = found
        ? writeFound(found, span.end - span.start, columns, number, into)
        : this.#encodeScanned(span, columns, number, into)
      if (!isWritten) return false
      place += 1
    }
    into.copy(binaryTrailer, 0, binaryTrailer.length)
    return true
  }

  /** Each record, with its values where a template has found them. */
  *#matched(mayMatch: boolean): Generator<{ span: Span; found: Found | undefined }, void, undefined> {
    const { template } = this.#format
    let [text, from] = ['', 0]
    for (const span of this.#values) {
      if (mayMatch && template.isLearned && span.end > from + text.length) {
        from = span.start
        text = this.#bytes.toString('latin1', from, Math.max(span.end, from + windowBytes))
      }
      const isWithin = span.end <= from + text.length
      const found =
        mayMatch && isWithin ? template.match(text, span.start - from, span.end - from) : undefined
      yield { span, found }
    }
  }

  #encodeScanned({ start, end }: Span, columns: BinaryColumn[], place: number | undefined, into: Scratch) {
    const { scanner, template } = this.#format
    const bytes = this.#bytes
    const isScanned =
      scanner.scan(bytes, start, end) || (this.#learn(start, end) && scanner.scan(bytes, start, end))
    if (!isScanned) return false
    if (template.wantsLesson) template.learn(bytes.toString('utf8', start, end))
    return writeRow(bytes, scanner, columns, place, into)
  }

  /** @returns whether there was something to learn */
  #learn(start: number, end: number): boolean {
    const { scanner } = this.#format
    if (!scanner.lacksKey) return false
    try {
      scanner.learn(this.#bytes.toString('utf8', start, end))
      return true
    } catch {
      return false
    }
  }

  get #hasUtf8(): boolean {
    this.#isUtf8 ??= this.#format.encoding.name === 'UTF8' ? isUtf8(this.#bytes) : isAscii(this.#bytes)
    return this.#isUtf8
  }

  #record(span: Span, { start, text, ascii, escapes }: Window): InputRecord {
    const { line, offset } = this.#position
    const record: InputRecord = { line: line + span.line, offset: offset + span.start, fields: [] }
    const bytes = text.slice(span.start - start, span.end - start)
    if (ascii) this.#parse(record, bytes)
    else if (this.#hasUtf8) this.#parse(record, this.#bytes.toString('utf8', span.start, span.end))
    else this.#parse(record, this.#format.encoding.decode(bytes))
    if (escapes) refuseUnstorable(record, this.#format.columns)
    return record
  }

  #window(start: number, least: number, most = windowBytes): Window {
    const piece = this.#bytes.subarray(start, Math.max(least, start + most))
    const text = piece.toString('latin1')
    // Escapes of what PostgreSQL does not store: NUL and halves of surrogate pairs.
    const escapes = text.includes('\\u') && /\\u(?:0000|[dD][89a-fA-F])/.test(text)
    return { start, end: start + piece.length, text, ascii: isAscii(piece), escapes }
  }

  #parse(record: InputRecord, text: string | undefined): void {
    const { columns, encoding, chosen } = this.#format
    if (text === undefined) {
      record.problem = { kind: 'encoding', message: `holds bytes that are not ${encoding.name}` }
      return
    }
    try {
      const found = fieldsOf(text, this.#columns)
      if (found === undefined) {
        record.problem = { kind: 'json', message: 'is JSON but no object' }
        return
      }
      record.fields = found.fields
      if (!chosen && Object.keys(found.object).length > found.known)
        record.problem = unknownKey(found.object, columns)
    } catch (error) {
      record.problem = { kind: 'json', message: (error as Error).message }
    }
  }

  original({ offset }: InputRecord): Buffer {
    const start = offset - this.#position.offset
    const span = this.#values.find((value) => value.start === start)
    return Buffer.from(this.#bytes.subarray(start, span?.end))
  }

  [Symbol.dispose](): void {
    releaseBlock(this.#bytes)
  }
}

function unknownKey(object: Record<string, unknown>, columns: string[]): InputRecord['problem'] {
  const key = Object.keys(object).find((name) => !columns.includes(name)) as string
  const message = `has the key ${JSON.stringify(key)}, which none of the first records has`
  return { kind: 'columns', column: key, message }
}

function refuseUnstorable(record: InputRecord, columns: string[]): void {
  for (const [index, field] of record.fields.entries()) {
    const column = columns[index] as string
    if (field?.includes('\0'))
      record.problem = {
        kind: 'nul',
        column,
        message: 'holds a NUL character, which PostgreSQL does not store',
      }
    else if (field?.isWellFormed() === false)
      record.problem = { kind: 'encoding', column, message: 'holds half of a surrogate pair' }
  }
}
