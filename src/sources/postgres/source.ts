import { createHash } from 'node:crypto'
import type { Work } from '../../events.ts'
import type { Session } from '../../postgres/session.ts'
import { spanSeconds } from '../../warehouse/values.ts'
import type { Input } from '../file/find.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { type Wish, windowText } from '../window.ts'
import { type PostgresSettings, Query, type Selection } from './query.ts'
import { type Selected, SelectionReader } from './reader.ts'
import { explained, type Snapshot, type SnapshotOptions, type SourceServer } from './server.ts'

/**
 * Opens a table or a query of another PostgreSQL. Nothing is connected to before it is asked for something.
 *
 * @param server held for as long as a worker works, by all sources that read it: they see one moment of it
 */
export async function openPostgres(
  settings: PostgresSettings,
  { sqlFolder }: Pick<Surroundings, 'sqlFolder'>,
  server: SourceServer,
): Promise<Source> {
  return new PostgresSource(settings, sqlFolder, server)
}

/** Where the planner guesses no more rows than this, they are counted instead: that takes no longer than a request elsewhere. */
const countedRows = 100_000

/** What a selection holds; the watermark is null where it has no rows, or none with a mark. */
interface Counted {
  rows: number
  watermark: string | null
}

class PostgresSource implements Source {
  readonly #settings: PostgresSettings
  readonly #sqlFolder: string
  readonly #server: SourceServer

  constructor(settings: PostgresSettings, sqlFolder: string, server: SourceServer) {
    this.#settings = settings
    this.#sqlFolder = sqlFolder
    this.#server = server
  }

  /**
   * The rows of a window and its greatest watermark: a row that was written since has a greater one. Without a watermark only
   * reading tells, and so it does where there is no window, for all rows would have to be counted.
   */
  async fingerprint(wish: Wish, work: Work): Promise<string | undefined> {
    const query = this.#query(wish)
    if (!wish.window || this.#settings.watermark === undefined) return undefined
    return this.#glance(wish, work, async (session) => {
      const selection = await query.select(session)
      return fingerprint(query, wish, await count(session, selection.all, selection))
    })
  }

  async estimate(wish: Wish, work: Work): Promise<number | undefined> {
    const query = this.#query(wish)
    return this.#glance(wish, work, async (session) => {
      const selection = await query.select(session)
      const guess = await planned(session, selection.rows)
      return guess.rows <= countedRows ? (await count(session, selection.rows, selection)).rows : guess.rows
    })
  }

  async fetch(wish: Wish, work: Work): Promise<Fetched> {
    const query = this.#query(wish)
    const snapshot = await this.#server.snapshot(work, { ...this.#options(wish), shared: this.#isShared })
    try {
      return await explained(this.#server.name, () => this.#fetched(query, wish, work, snapshot))
    } catch (error) {
      await snapshot[Symbol.asyncDispose]()
      throw error
    }
  }

  async #fetched(query: Query, wish: Wish, work: Work, snapshot: Snapshot): Promise<Fetched> {
    const session = await snapshot.session(work)
    const selection = await query.select(session)
    const counted =
      selection.watermark === undefined ? undefined : await count(session, selection.rows, selection)
    const { found } = counted
      ? { found: counted.rows > 0 }
      : await session.one<{ found: boolean }>(`SELECT EXISTS (${selection.rows}) AS found`)
    const { rows, width } = await planned(session, selection.rows)
    const selected: Selected = {
      server: this.#server.name,
      select: selection.rows,
      columns: selection.columns,
      rows: counted?.rows ?? rows,
      isCounted: counted !== undefined,
    }
    const whole =
      counted && wish.window
        ? fingerprint(query, wish, await count(session, selection.all, selection))
        : hash([query.text, wish, snapshot.marker, counted ?? null])
    const size = { rows: selected.rows, width }
    return {
      input: found
        ? new SelectionInput(snapshot, selected, this.#nameOf(query, wish), whole, size, work)
        : undefined,
      fingerprint: whole,
      announced: counted?.rows,
      // Without a new row the next one goes on from where this one did.
      watermark: counted?.watermark ?? wish.after,
      requests: 1,
      bytes: 0,
      [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose](),
    }
  }

  #query(wish: Wish): Query {
    return new Query(this.#settings, this.#sqlFolder, this.#withParameters(wish))
  }

  /** Those of the source, unless somebody has said otherwise. */
  #withParameters(wish: Wish): Wish {
    const own = Object.entries(this.#settings.parameters).map(([name, value]) => [name, String(value)])
    return { ...wish, parameters: { ...Object.fromEntries(own), ...wish.parameters } }
  }

  #nameOf(query: Query, { window }: Wish): string {
    return `${query.name} of ${this.#server.name}${window ? `, ${windowText(window)}` : ''}`
  }

  async #glance<T>(wish: Wish, work: Work, ask: (session: Session) => Promise<T>): Promise<T> {
    await using session = await this.#server.glance(work, this.#options(wish))
    return await explained(this.#server.name, () => ask(session))
  }

  /** What a worker has written into its own database it must see at its next window. */
  get #isShared(): boolean {
    return this.#settings.snapshot === 'worker' && this.#settings.connection !== undefined
  }

  #options({ window }: Wish): Omit<SnapshotOptions, 'shared'> {
    const { timeout } = this.#settings
    return { zone: window?.zone ?? 'UTC', timeout: timeout && spanSeconds(timeout) }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** What `load` reads: its size is a guess until it has been read. */
class SelectionInput implements Input {
  readonly name: string
  readonly place = null
  readonly #snapshot: Snapshot
  readonly #selected: Selected
  readonly #identity: string
  readonly #guessed: number
  readonly #work: Work
  #reader: SelectionReader | undefined

  constructor(
    snapshot: Snapshot,
    selected: Selected,
    name: string,
    identity: string,
    { rows, width }: { rows: number; width: number },
    work: Work,
  ) {
    this.name = name
    this.#snapshot = snapshot
    this.#selected = selected
    this.#identity = identity
    this.#guessed = Math.max(1, rows * width)
    this.#work = work
  }

  get bytes(): number {
    return this.#reader?.direct.given.bytes || this.#guessed
  }

  /** Of what was asked, of the moment it is of, and once it was read of how much came. */
  async digest(): Promise<string> {
    return hash([this.#identity, this.#snapshot.marker, this.#reader?.direct.given ?? null])
  }

  async open(options: Parameters<Input['open']>[0]): Promise<SelectionReader> {
    this.#reader = await SelectionReader.open(this.#snapshot, this.#selected, this.#work, options)
    return this.#reader
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.[Symbol.asyncDispose]()
  }
}

async function count(session: Session, select: string, { watermark }: Selection): Promise<Counted> {
  const greatest = watermark === undefined ? 'NULL' : `max(s.${watermark})::text`
  return session.one<Counted>(`SELECT count(*) AS rows, ${greatest} AS watermark FROM (${select}\n) AS s`)
}

/** Rows, and bytes of each, as the planner guesses. */
async function planned(session: Session, select: string): Promise<{ rows: number; width: number }> {
  const [row] = await session.rows<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (FORMAT JSON) ${select}`,
  )
  const plan = row?.['QUERY PLAN'][0].Plan
  return { rows: plan?.['Plan Rows'] ?? 0, width: plan?.['Plan Width'] ?? 0 }
}

function fingerprint(query: Query, { window, parameters }: Wish, counted: Counted): string {
  return hash([query.text, window && [windowText(window), window.zone], parameters, counted])
}

function hash(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
