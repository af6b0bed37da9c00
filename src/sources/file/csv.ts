import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { blocks, defaultBlockBytes, defaultLongestRecord } from './blocks.ts'
import { fill } from './byte-stream.ts'
import { CsvBatch } from './csv-batch.ts'
import { QuotedCutter } from './csv-cut.ts'
import { type Survey, survey } from './csv-survey.ts'
import type { Plain } from './decompress.ts'
import { type CsvFormat, dialectOf } from './dialect.ts'
import { type Encoding, encodingOf, markLength, refuseWide } from './encoding.ts'
import type { Batch, Dialect, InputRecord, Reader, ReadOptions, Sample } from './reader.ts'
import { sampleText } from './sample.ts'

/** Where the first record begins: after the byte order mark and the header. */
interface Start {
  offset: number
  line: number
}

/**
 * Opens csv by the rules of COPY … (FORMAT csv), with three liberties: line ends may be mixed, blank lines are passed over where
 * there are several columns, and backslash and dot alone on a line is data.
 *
 * @throws DwhError INPUT_BROKEN for a header that is none; USAGE for options that contradict each other
 */
export async function openCsv(file: Plain, options: ReadOptions): Promise<Reader> {
  const { name } = file.stored
  const encoding = encodingOf(options.encoding)
  const beginning = await readBeginning(file, options)
  refuseWide(name, beginning)
  const mark = markLength(beginning)
  const text = beginning.toString('latin1', mark)
  const dialect = dialectOf(text, options, encoding.name)
  if (options.header === false) {
    if (options.columns === undefined)
      throw new DwhError('USAGE', `${name} is said to have no header, so its columns must be named`, {
        hint: 'name them in order with --columns a,b,c',
      })
    const columns = checkNames(
      options.columns,
      () => new DwhError('USAGE', 'two of the columns have one name, or one has none'),
    )
    return new CsvReader(file, { columns, dialect, encoding }, { offset: mark, line: 1 }, options, undefined)
  }
  const header = readHeader(name, text, dialect, encoding)
  const columns = chosenColumns(name, header, options.columns)
  return new CsvReader(
    file,
    { columns, dialect, encoding },
    { offset: mark + header.next, line: header.line + header.lines },
    options,
    Buffer.from(beginning.subarray(mark + header.start, mark + header.next)),
  )
}

/** The first bytes, enough to guess from and to hold the header. */
async function readBeginning(
  file: Plain,
  { longestRecord = defaultLongestRecord }: ReadOptions,
): Promise<Buffer> {
  await using stream = await file.open()
  let buffer = Buffer.alloc(Math.min(64 * 1024, longestRecord))
  let filled = await fill(stream, buffer)
  while (
    filled === buffer.length &&
    !buffer.includes('\n') &&
    !buffer.includes('\r') &&
    filled < longestRecord
  ) {
    const larger = Buffer.alloc(Math.min(filled * 4, longestRecord))
    buffer.copy(larger)
    buffer = larger
    filled = await fill(stream, buffer, filled)
  }
  return buffer.subarray(0, filled)
}

interface Header {
  names: string[]
  line: number
  start: number
  /** Index after it. */
  next: number
  lines: number
}

/** The first line that is not blank; its names may be quoted. */
function readHeader(name: string, text: string, dialect: Dialect, encoding: Encoding): Header {
  const start = text.search(/[^\r\n]/)
  const line = 1 + (text.slice(0, Math.max(start, 0)).match(/\r\n|\r|\n/g)?.length ?? 0)
  if (start < 0)
    throw new DwhError('INPUT_BROKEN', `${name} is empty: it has not even a header`, {
      hint: 'say --no-header and --columns a,b,c if it should be read without one',
    })
  const { fields, next, lines, unclosed } = new QuotedCutter(text, dialect).cut(start)
  if (unclosed || fields.some((field) => field?.includes('\0')))
    throw new DwhError(
      'INPUT_BROKEN',
      `${name} is no csv: its first line, ${line}, ${unclosed ? 'opens a quote and does not close it' : 'holds NUL bytes'}`,
    )
  const names = fields.map((field) => encoding.decode(field ?? '')?.trim())
  if (names.includes(undefined))
    throw new DwhError(
      'INPUT_BROKEN',
      `the header of ${name}, line ${line}, holds bytes that are not ${encoding.name}`,
      {
        hint: 'say in which encoding it is written: --encoding windows-1252',
      },
    )
  return { names: names as string[], line, start, next: Math.min(next, text.length), lines }
}

/** @param given names that stand in for those of the header, by position */
function chosenColumns(name: string, { names, line }: Header, given: string[] | undefined): string[] {
  if (given !== undefined && given.length !== names.length)
    throw new DwhError(
      'USAGE',
      `${given.length} columns are named, but the header of ${name}, line ${line}, has ${names.length}`,
    )
  return checkNames(given ?? names, (index, twin) => {
    const what = twin ? `names ${JSON.stringify(names[index])} twice` : `has no name for column ${index + 1}`
    return new DwhError('INPUT_BROKEN', `the header of ${name}, line ${line}, ${what}`, {
      hint: 'name the columns in order with --columns a,b,c',
    })
  })
}

function checkNames(names: string[], refusal: (index: number, twin: boolean) => DwhError): string[] {
  for (const [index, name] of names.entries()) {
    if (name === '') throw refusal(index, false)
    if (names.indexOf(name) < index) throw refusal(index, true)
  }
  return names
}

class CsvReader implements Reader {
  readonly columns: string[]
  readonly header: Buffer | undefined
  readonly dialect: Dialect
  readonly reading: ReadOptions
  readonly #file: Plain
  readonly #format: CsvFormat
  readonly #start: Start
  readonly #options: ReadOptions

  constructor(
    file: Plain,
    format: CsvFormat,
    start: Start,
    options: ReadOptions,
    header: Buffer | undefined,
  ) {
    this.columns = format.columns
    this.dialect = format.dialect
    this.header = header
    const { encoding: _, ...dialect } = format.dialect
    const { columns, encoding } = options
    this.reading = { format: 'csv', ...dialect, encoding, columns, header: header !== undefined }
    this.#file = file
    this.#format = format
    this.#start = start
    this.#options = options
  }

  async *batches(work: Work, bytesOfBatch = defaultBlockBytes): AsyncGenerator<Batch> {
    let { line } = this.#start
    let firstRecord = 1
    let number = 0
    let lineEnd: Survey['lineEnd']
    const { batchBytes: blockBytes = bytesOfBatch, longestRecord = defaultLongestRecord } = this.#options
    await using stream = await this.#file.open(this.#start.offset)
    const options = {
      offset: this.#start.offset,
      blockBytes,
      longestRecord,
      survey: (bytes: Buffer, last: boolean) => this.#survey(bytes, last),
      tooLong: (offset: number) => this.#tooLong(line, offset, longestRecord),
    }
    for await (const { bytes, found, offset, stored } of blocks(stream, options, work)) {
      // COPY learns the line end from the first record that it sees, and refuses others after it.
      if (lineEnd === undefined && found.lineEnd !== 'mixed') lineEnd = found.lineEnd
      const sendable = found.plain && (found.lineEnd === undefined || found.lineEnd === lineEnd)
      const position = { number, firstRecord, count: found.records, line, offset, bytesRead: stored }
      if (found.records > 0) {
        yield new CsvBatch(bytes, position, this.#format, found.quoted || found.lineEnd !== 'lf', sendable)
        number++
      }
      firstRecord += found.records
      line += found.lines
    }
  }

  sample(): Promise<Sample> {
    return sampleText(this.#file, this.#start.offset, (bytes, last, position) => {
      const { end } = this.#survey(bytes, last)
      return { end, records: this.#cut(bytes.subarray(0, end), position) }
    })
  }

  #survey(bytes: Buffer, last: boolean): Survey {
    return survey(bytes, this.dialect, last, this.columns.length === 1)
  }

  #cut(bytes: Buffer, { line, offset }: { line: number; offset: number }): InputRecord[] {
    const position = { number: 0, firstRecord: 1, count: 0, line, offset, bytesRead: 0 }
    return new CsvBatch(bytes, position, this.#format, true, false).records().toArray()
  }

  #tooLong(line: number, offset: number, longest: number): DwhError {
    return new DwhError(
      'INPUT_BROKEN',
      `${this.#file.stored.name} has a record of more than ${longest} bytes on line ${line}, at byte ${offset}`,
      { hint: 'a quote that is never closed makes such a record; look at that line, and at --quote' },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
