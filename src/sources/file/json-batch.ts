import { isAscii } from 'node:buffer'
import { releaseBlock } from './blocks.ts'
import type { Position } from './csv-batch.ts'
import type { Encoding } from './encoding.ts'
import { fieldsOf, type JsonColumn, jsonColumn } from './json-record.ts'
import type { Spans } from './json-spans.ts'
import type { Batch, InputRecord } from './reader.ts'

/** What all batches of a file have in common. */
export interface JsonFormat {
  columns: string[]
  encoding: Encoding
  /** Keys that are no columns are passed over: the user has named those that count. */
  chosen: boolean
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
    const { line, offset } = this.#position
    let window = { start: 0, end: 0, text: '', ascii: true, escapes: false }
    for (const span of this.#values) {
      if (span.end > window.end) window = this.#window(span.start, span.end)
      const record: InputRecord = { line: line + span.line, offset: offset + span.start, fields: [] }
      this.#parse(record, window.text.slice(span.start - window.start, span.end - window.start), window.ascii)
      if (window.escapes) refuseUnstorable(record, this.#format.columns)
      yield record
    }
  }

  /** Text of which each character is a byte; small enough that it dies young. */
  #window(start: number, least: number) {
    const piece = this.#bytes.subarray(start, Math.max(least, start + 64 * 1024))
    const text = piece.toString('latin1')
    // Escapes of what PostgreSQL does not store: NUL and halves of surrogate pairs.
    const escapes = text.includes('\\u') && /\\u(?:0000|[dD][89a-fA-F])/.test(text)
    return { start, end: start + piece.length, text, ascii: isAscii(piece), escapes }
  }

  #parse(record: InputRecord, bytes: string, ascii: boolean): void {
    const { columns, encoding, chosen } = this.#format
    const text = ascii ? bytes : encoding.decode(bytes)
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
