import { createHash } from 'node:crypto'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { ChainBatch } from './chain-batch.ts'
import type { Input } from './find.ts'
import type { Batch, Reader, ReadOptions, Sample } from './reader.ts'
import { type Link, type Translation, translation } from './translate.ts'

/**
 * Inputs that make one: what the readers of its files give, one after the other. Records keep the line and the offset of their
 * own file; columns that stand in another order are sorted by their names.
 */
export function chain(inputs: [Input, ...Input[]], name: string): Input {
  return {
    name,
    place: null,
    bytes: inputs.reduce((sum, { bytes }) => sum + bytes, 0),
    digest: (work) => digest(inputs, work),
    open: (options) => openChain(inputs, options),
    async [Symbol.asyncDispose]() {
      for (const input of inputs) await input[Symbol.asyncDispose]()
    },
  }
}

/** Of the digests, for where one file ends and the next begins matters too. */
async function digest(inputs: Input[], work: Work): Promise<string> {
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(`${await input.digest(work)}\n`)
  return hash.digest('hex')
}

async function openChain([first, ...others]: [Input, ...Input[]], options: ReadOptions): Promise<Reader> {
  const links: [Link, ...Link[]] = [await openLink(first, options)]
  try {
    for (const input of others) links.push(await openLink(input, options))
    return new ChainReader(links)
  } catch (error) {
    for (const { reader } of links) await reader[Symbol.asyncDispose]()
    throw error
  }
}

async function openLink(input: Input, options: ReadOptions): Promise<Link> {
  return { name: input.name, bytes: input.bytes, reader: await input.open(options) }
}

/** Files that a sample looks into, from the first to the last; what the others hold is guessed by their bytes. */
const mostSampled = 12

type Translated = Link & { translation: Translation | undefined }

class ChainReader implements Reader {
  readonly columns: string[]
  readonly header: Buffer | undefined
  readonly reading: ReadOptions
  readonly dialect: Reader['dialect']
  readonly rows?: number
  readonly #links: Translated[]

  /** @throws DwhError INPUT_BROKEN for files that do not go together */
  constructor(links: [Link, ...Link[]]) {
    const [{ reader: first }] = links
    const rows = links.map(({ reader }) => reader.rows)
    this.columns = columnsOf(links)
    this.header = first.header
    this.reading = first.reading
    this.dialect = first.dialect
    if (rows.every((count) => count !== undefined)) this.rows = rows.reduce((sum, count) => sum + count, 0)
    this.#links = links.map((link) => ({ ...link, translation: translation(links[0], this.columns, link) }))
  }

  async *batches(work: Work, bytes?: number): AsyncGenerator<Batch> {
    let place = { number: 0, records: 0, bytesRead: 0 }
    for (const { reader, bytes: stored, translation } of this.#links) {
      let { number, records } = place
      for await (const batch of reader.batches(work, bytes)) {
        yield new ChainBatch(batch, { ...place, number }, translation)
        number++
        records += batch.count
      }
      place = { number, records, bytesRead: place.bytesRead + stored }
    }
  }

  async sample(): Promise<Sample> {
    const step = Math.max(1, (this.#links.length - 1) / (mostSampled - 1))
    const looked = Math.min(this.#links.length, mostSampled)
    const sample: Sample = { records: [], rows: 0 }
    let bytes = 0
    for (let n = 0; n < looked; n++) {
      const link = this.#links[Math.round(n * step)] as Translated
      const { records, rows } = await link.reader.sample()
      for (const record of records) sample.records.push(link.translation?.record(record) ?? record)
      sample.rows += rows
      bytes += link.bytes
    }
    const all = this.#links.reduce((sum, link) => sum + link.bytes, 0)
    return { ...sample, rows: bytes > 0 ? Math.round((sample.rows / bytes) * all) : sample.rows }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { reader } of this.#links) await reader[Symbol.asyncDispose]()
  }
}

/** Those of the first file; of JSON all that the files begin with, for it leaves out what has no value. */
function columnsOf(links: [Link, ...Link[]]): string[] {
  const [first] = links
  const { format } = first.reader.reading
  for (const { name, reader } of links) {
    if (reader.reading.format !== format)
      throw new DwhError(
        'INPUT_BROKEN',
        `${first.name} is ${format} and ${name} is ${reader.reading.format}: the files of one window must be of one format`,
        { hint: 'name them by a narrower `path` of the source, or say its `format`' },
      )
  }
  const isJson = format === 'ndjson' || format === 'json'
  return isJson ? [...new Set(links.flatMap(({ reader }) => reader.columns))] : first.reader.columns
}
