import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { classify } from '../../postgres/sqlstate.ts'
import { type ByteStream, StreamBytes } from '../file/byte-stream.ts'
import { openCsv } from '../file/csv.ts'
import type {
  Batch,
  Dialect,
  Direct,
  DirectColumn,
  DirectType,
  Reader,
  ReadOptions,
  Sample,
} from '../file/reader.ts'
import { type Snapshot, sourceError } from './server.ts'
import type { SourceColumn } from './types.ts'

/** As COPY … (FORMAT csv) writes. */
const written: ReadOptions = { format: 'csv', delimiter: ',', quote: '"', escape: '"', nullText: '' }

/** Rows whose texts are looked at before a load begins: all lie at its beginning, where more of them tell nothing more. */
const sampledRows = 100

/** What is known of a selection before it is read. */
export interface Selected {
  /** For people, and in errors. */
  server: string
  /** A SELECT of all its rows. */
  select: string
  columns: SourceColumn[]
  /** Guessed by the planner, or counted. */
  rows: number
  isCounted: boolean
}

/**
 * The rows of a selection: past this process from server to server, or as csv where they have to be looked at. Each reading
 * sees the same moment.
 */
export class SelectionReader implements Reader {
  readonly columns: string[]
  readonly header: Buffer
  readonly dialect: Dialect
  readonly reading: ReadOptions
  readonly rows?: number
  readonly direct: Direct
  readonly #snapshot: Snapshot
  readonly #selected: Selected
  readonly #csv: Reader
  readonly #streams: CsvStreams

  private constructor(snapshot: Snapshot, selected: Selected, work: Work, csv: Reader, streams: CsvStreams) {
    this.columns = csv.columns
    this.header = streams.header
    this.dialect = csv.dialect
    this.reading = csv.reading
    if (selected.isCounted) this.rows = selected.rows
    this.direct = new DirectCopy(snapshot, selected, work)
    this.#snapshot = snapshot
    this.#selected = selected
    this.#csv = csv
    this.#streams = streams
  }

  static async open(
    snapshot: Snapshot,
    selected: Selected,
    work: Work,
    options: ReadOptions,
  ): Promise<SelectionReader> {
    const streams = new CsvStreams(snapshot, selected, work)
    const { batchBytes, longestRecord } = options
    const csv = await openCsv(streams.whole(selected.select), { ...written, batchBytes, longestRecord })
    return new SelectionReader(snapshot, selected, work, csv, streams)
  }

  /** From the beginning: where the rows lie that the server comes to first. */
  async sample(): Promise<Sample> {
    const { select, rows } = this.#selected
    const csv = await openCsv(this.#streams.whole(`${select} LIMIT ${sampledRows}`), written)
    const { records } = await csv.sample()
    return { records, rows: Math.max(rows, records.length) }
  }

  batches(work: Work, bytes?: number): AsyncIterable<Batch> {
    return this.#csv.batches(work, bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshot.leave()
  }
}

/** Texts of csv that are read from the server anew each time they are opened; the header is our own. */
class CsvStreams {
  readonly header: Buffer
  readonly #snapshot: Snapshot
  readonly #selected: Selected
  readonly #work: Work

  constructor(snapshot: Snapshot, selected: Selected, work: Work) {
    const names = selected.columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`)
    this.header = Buffer.from(`${names.join(',')}\n`)
    this.#snapshot = snapshot
    this.#selected = selected
    this.#work = work
  }

  whole(select: string): Parameters<typeof openCsv>[0] {
    const { server: name, rows } = this.#selected
    const open = async (from = 0) => (from === 0 ? beginning(this.header) : this.#rows(select))
    return { stored: { name, bytes: rows, open }, compression: undefined, open }
  }

  async #rows(select: string): Promise<ByteStream> {
    const { server } = this.#selected
    const { session, finished } = await this.#snapshot.sessionForCopy(this.#work)
    const stream = session.copyTo(`COPY (${select}\n) TO STDOUT (FORMAT csv)`)
    stream.once('end', finished)
    return new StreamBytes(stream, (error) => explain(this.#work, server, error))
  }
}

function beginning(bytes: Buffer): ByteStream {
  let at = 0
  return {
    get stored() {
      return at
    },
    read: async (into, start) => {
      const copied = bytes.copy(into, start, at)
      at += copied
      return copied
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

class DirectCopy implements Direct {
  readonly types: DirectType[]
  readonly #snapshot: Snapshot
  readonly #selected: Selected
  readonly #work: Work
  given = { rows: 0, bytes: 0 }

  constructor(snapshot: Snapshot, selected: Selected, work: Work) {
    this.types = selected.columns.map(({ type }) => type)
    this.#snapshot = snapshot
    this.#selected = selected
    this.#work = work
  }

  async *copy(columns: DirectColumn[], format: 'binary' | 'text', placed: boolean): AsyncGenerator<Buffer> {
    const { server, select } = this.#selected
    const values = columns.map(({ input, cast }) => `${this.#name(input)}${cast ? `::${cast}` : ''}`)
    const place = placed ? ['row_number() OVER ()'] : []
    const { session, finished } = await this.#snapshot.sessionForCopy(this.#work)
    const frames = session.copyFrames(
      `COPY (SELECT ${[...place, ...values].join(', ')} FROM (${select}\n) AS s) TO STDOUT (FORMAT ${format})`,
    )
    try {
      for await (const piece of frames) {
        this.given = { rows: frames.rows, bytes: frames.bytes }
        yield piece
      }
      this.given = { rows: frames.rows, bytes: frames.bytes }
      finished()
    } catch (error) {
      throw explain(this.#work, server, error)
    }
  }

  async extent(
    expression: string,
    names: Record<string, number>,
  ): Promise<{ low: string; high: string } | undefined> {
    const renamed = Object.entries(names).map(([name, input]) => `${this.#name(input)} AS ${ident(name)}`)
    const session = await this.#snapshot.session(this.#work)
    try {
      const { low, high } = await this.#least(session, expression, renamed)
      return low === null || high === null ? undefined : { low, high }
    } catch {
      this.#work.signal.throwIfAborted()
      // Such as a text where the target has a date. The transaction is broken, its moment is not.
      await this.#snapshot.leave()
      return undefined
    }
  }

  async #least(session: Session, expression: string, renamed: string[]) {
    const rows = `SELECT ${renamed.join(', ')} FROM (${this.#selected.select}\n) AS s`
    return session.one<{ low: string | null; high: string | null }>(
      `SELECT min(${expression})::text AS low, max(${expression})::text AS high FROM (${rows}) AS s`,
    )
  }

  #name(input: number): string {
    return `s.${ident(this.#selected.columns[input]?.name ?? '')}`
  }
}

/** What the server says in the middle of rows: a value that its query cannot compute will not be better at the next try. */
function explain({ signal }: Work, server: string, thrown: unknown): DwhError {
  signal.throwIfAborted()
  const error = sourceError(server, classify(thrown))
  return error.code === 'SQL_FAILED'
    ? new DwhError('INPUT_BROKEN', `${error.message}; nothing of it was loaded`, { cause: error.cause })
    : error
}
