import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type Block, blocks, defaultBlockBytes, defaultLongestRecord } from './blocks.ts'
import { firstBytes, type Plain } from './decompress.ts'
import { encodingOf, markLength, refuseWide } from './encoding.ts'
import { JsonBatch, type JsonFormat } from './json-batch.ts'
import { JsonScanner } from './json-scan.ts'
import { arrayElements, BrokenArray, type FindSpans, findLines, type Spans } from './json-spans.ts'
import { JsonTemplate } from './json-template.ts'
import type { Batch, Reader, ReadOptions, Sample } from './reader.ts'
import { sampleBeginning, sampleText } from './sample.ts'

/** How many records are looked at for the names of columns. */
const firstRecords = 1000

/**
 * Opens NDJSON or one array of objects. Its columns are the keys of the first 1000 records in the order in which they appear,
 * or those that the user names.
 *
 * @throws DwhError INPUT_BROKEN when most of the first records are no objects
 */
export async function openJson(
  file: Plain,
  format: 'ndjson' | 'json',
  options: ReadOptions,
): Promise<Reader> {
  const encoding = encodingOf(options.encoding)
  const start = await firstBytes(file, 4)
  refuseWide(file.stored.name, start)
  const source = { file, array: format === 'json', offset: markLength(start) }
  const columns = options.columns ?? (await readColumns(source, options))
  const chosen = options.columns !== undefined
  const scanner = new JsonScanner(columns, chosen)
  const template = new JsonTemplate(columns)
  return new JsonReader(source, { columns, encoding, chosen, scanner, template }, options)
}

interface JsonSource {
  file: Plain
  array: boolean
  /** Where its text begins: after the byte order mark. */
  offset: number
}

/** Values in order, some megabytes at a time. */
async function* valueBlocks(
  { file, array, offset }: JsonSource,
  blockBytes: number,
  longestRecord: number,
  work: Work,
): AsyncGenerator<Block<Spans>> {
  const { name } = file.stored
  await using stream = await file.open(offset)
  const find: FindSpans = array ? arrayElements() : findLines
  let consumed = offset
  const survey = (bytes: Buffer, last: boolean): Spans => {
    try {
      const found = find(bytes, last)
      consumed += found.end
      return found
    } catch (error) {
      if (error instanceof BrokenArray) throw brokenArray(name, error, consumed + error.index)
      throw error
    }
  }
  const tooLong = (at: number) =>
    new DwhError('INPUT_BROKEN', `${name} has a record of more than ${longestRecord} bytes, at byte ${at}`, {
      hint: array ? 'a quote or a bracket that is never closed makes such a record' : envelopeHint,
    })
  yield* blocks(stream, { offset, blockBytes, longestRecord, survey, tooLong }, work)
}

const envelopeHint =
  'only an array of objects or one object a line is read; of an envelope: jq -c ".data[]" FILE | dwh load … -'

function brokenArray(name: string, { message }: BrokenArray, offset: number): DwhError {
  return new DwhError(
    'INPUT_BROKEN',
    `${name} is a broken JSON array: ${message}, at byte ${offset}; nothing of it is loaded`,
  )
}

async function readColumns(source: JsonSource, options: ReadOptions): Promise<string[]> {
  const work = { emit: () => {}, signal: new AbortController().signal }
  const keys = new Set<string>()
  const objects: Record<string, unknown>[] = []
  let seen = 0
  for await (const { bytes, found } of valueBlocks(
    source,
    256 * 1024,
    options.longestRecord ?? defaultLongestRecord,
    work,
  )) {
    for (const { start, end } of found.values.slice(0, firstRecords - seen)) {
      const object = tryParse(bytes.toString('utf8', start, end))
      if (object) objects.push(object)
      for (const key of Object.keys(object ?? {})) keys.add(key)
      seen++
    }
    if (seen >= firstRecords) break
  }
  refuseOther(source, seen, objects)
  return [...keys]
}

function tryParse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    // It becomes a record with a problem when its turn comes.
    return undefined
  }
}

/** A document that is written over several lines, or one object around the records. */
function refuseOther(
  { file: { stored }, array }: JsonSource,
  seen: number,
  objects: Record<string, unknown>[],
): void {
  if (objects.length < seen / 2)
    throw new DwhError(
      'INPUT_BROKEN',
      `${stored.name} is neither an array of objects nor one object a line: ${seen - objects.length} of its first ${seen} ${array ? 'elements' : 'lines'} are no objects`,
      { hint: envelopeHint },
    )
  const [only] = objects
  const around = seen === 1 && !array && Object.entries(only ?? {}).find(([, value]) => isRecords(value))
  if (around)
    throw new DwhError(
      'INPUT_BROKEN',
      `${stored.name} is one object, whose ${around[0]} holds the records: an envelope, which is not read`,
      { hint: `take them out of it: jq -c '.${around[0]}[]' FILE | dwh load … -` },
    )
}

function isRecords(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'object' && one !== null)
  )
}

class JsonReader implements Reader {
  readonly columns: string[]
  /** Nothing of it is sent as it stands. */
  readonly dialect = { delimiter: ',', quote: '"', escape: '"', nullText: '', encoding: 'UTF8' }
  readonly reading: ReadOptions
  readonly #source: JsonSource
  readonly #format: JsonFormat
  readonly #options: ReadOptions

  constructor(source: JsonSource, format: JsonFormat, options: ReadOptions) {
    this.columns = format.columns
    const { encoding, columns } = options
    this.reading = { format: 'ndjson', encoding, columns }
    this.#source = source
    this.#format = format
    this.#options = options
  }

  async *batches(work: Work, bytesOfBatch = defaultBlockBytes): AsyncGenerator<Batch> {
    const { batchBytes = bytesOfBatch, longestRecord = defaultLongestRecord } = this.#options
    let line = 1
    let number = 0
    let firstRecord = 1
    for await (const { bytes, found, offset, stored } of valueBlocks(
      this.#source,
      batchBytes,
      longestRecord,
      work,
    )) {
      const position = { number, firstRecord, count: found.values.length, line, offset, bytesRead: stored }
      if (found.values.length > 0) {
        yield new JsonBatch(bytes, found.values, position, this.#format)
        number++
      }
      firstRecord += found.values.length
      line += found.lines
    }
  }

  sample(): Promise<Sample> {
    const { file, array, offset: start } = this.#source
    const find = array ? arrayElements() : findLines
    // Elements can only be told apart from the beginning on.
    return (array ? sampleBeginning : sampleText)(file, start, (bytes, last, { line, offset }) => {
      const { values, end } = find(bytes, last)
      const position = { number: 0, firstRecord: 1, count: values.length, line, offset, bytesRead: 0 }
      return { end, records: new JsonBatch(bytes, values, position, this.#format).records().toArray() }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
