import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { copyStatement } from '../../src/load/send/encode.ts'
import { identList, literal } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { hasStateClass } from '../../src/postgres/sqlstate.ts'
import type { ByteStream } from '../../src/sources/file/byte-stream.ts'
import { openCsv } from '../../src/sources/file/csv.ts'
import type { Plain } from '../../src/sources/file/decompress.ts'
import { field } from '../../src/sources/file/plain-csv.ts'
import type { Batch, Dialect, InputRecord } from '../../src/sources/file/reader.ts'
import { freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { bytesOf, type CsvText, columnNames, csvTexts, readOptions } from './csv-texts.ts'

type Row = (string | null)[]

/** Two tables of text: what COPY stores of a text by itself, and what it stores of that which our reader makes of it. */
class Tables {
  readonly #session: Session
  #seen = 0
  #texts = 0

  constructor(session: Session) {
    this.#session = session
  }

  static async create(session: Session): Promise<Tables> {
    const columns = columnNames.map((name) => `${name} text`).join(', ')
    for (const name of ['theirs', 'ours'])
      await session.run(`CREATE TEMPORARY TABLE ${name} (n bigint, ${columns})`)
    await session.run(`CREATE TEMPORARY SEQUENCE place; ALTER TABLE theirs ALTER n SET DEFAULT nextval('pg_temp.place');
                       ALTER TABLE ours ALTER n SET DEFAULT nextval('pg_temp.place')`)
    return new Tables(session)
  }

  /** One COPY, whole or not at all. @returns whether it was taken */
  async copy(statement: string, bytes: Buffer): Promise<boolean> {
    try {
      await this.#session.copyIn(statement, bytes)
      return true
    } catch (error) {
      if (hasStateClass(error, '22')) return false
      throw error
    }
  }

  /** The rows of each table since the last call, in order. */
  async take(columns: string[]): Promise<{ theirs: Row[]; ours: Row[] }> {
    const select = (name: string) =>
      `SELECT '${name}' AS side, n, ARRAY[${identList(columns)}] AS fields FROM ${name} WHERE n > ${this.#seen}`
    const rows = await this.#session.rows<{ side: string; n: number; fields: Row }>(
      `${select('theirs')} UNION ALL ${select('ours')} ORDER BY n`,
    )
    this.#seen = rows.at(-1)?.n ?? this.#seen
    // Now and then, so that scans stay short.
    if (++this.#texts % 50 === 0) await this.#session.run('TRUNCATE theirs, ours')
    const of = (side: string) => rows.filter((row) => row.side === side).map(({ fields }) => fields)
    return { theirs: of('theirs'), ours: of('ours') }
  }
}

/** As a user of psql would type it. */
function statementOf({ columns, header, dialect }: CsvText): string {
  const { delimiter, quote, nullText, encoding } = dialect
  return (
    `COPY theirs (${identList(columns)}) FROM STDIN (FORMAT csv, HEADER ${header}, DELIMITER ${literal(delimiter)}, ` +
    `QUOTE ${literal(quote)}, ESCAPE ${literal(dialect.escape)}, NULL ${literal(nullText)}, ENCODING ${literal(encoding)})`
  )
}

/** Sends a batch as a load does: as it stands where that can be, else the records that are none of the broken ones. */
async function send(
  tables: Tables,
  batch: Batch,
  columns: string[],
  dialect: Dialect,
): Promise<'raw' | 'cut'> {
  if (batch.raw && (await tables.copy(copyStatement('ours', columns, dialect), batch.raw))) return 'raw'
  const whole = batch.records().filter(({ problem }) => !problem)
  const lines = whole.map(({ fields }) => `${fields.map(field).join(',')}\n`).toArray()
  expect(await tables.copy(copyStatement('ours', columns), Buffer.from(lines.join('')))).toBe(true)
  return 'cut'
}

/** Bytes that are no file, for thousands of files take longer to write than to read. */
function inMemory(bytes: Buffer): Plain {
  const open = async (from = 0): Promise<ByteStream> => {
    const stream = {
      stored: from,
      read: async (into: Buffer, at: number) => {
        const read = bytes.copy(into, at, stream.stored)
        stream.stored += read
        return read
      },
      [Symbol.asyncDispose]: async () => {},
    }
    return stream
  }
  return { stored: { name: 'fuzz.csv', bytes: bytes.length, open }, compression: undefined, open }
}

/** Ten thousand rows are equal in no time; where they are not, the difference is worth some. */
function expectRows(rows: Row[], expected: Row[]): void {
  if (!isDeepStrictEqual(rows, expected)) expect(rows).toEqual(expected)
}

/** How often what happened. */
type Tally = Record<'texts' | 'agreed' | 'raw' | 'cut', number>

describe.each(servers)('texts that may be csv on $name', (server) => {
  test('what COPY takes, a load takes too: the same rows in the same order', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const tables = await Tables.create(session)
    const tally: Tally = { texts: 0, agreed: 0, raw: 0, cut: 0 }
    await fc.assert(
      fc.asyncProperty(csvTexts, async (csv) => {
        tally.texts++
        const taken = await tables.copy(statementOf(csv), Buffer.from(csv.text, 'latin1'))
        const bytes = Buffer.from((csv.mark ? bytesOf('\ufeff') : '') + csv.text, 'latin1')
        await using reader = await openCsv(inMemory(bytes), readOptions(csv))
        const records: InputRecord[] = []
        for await (const batch of reader.batches(quietWork())) {
          using held = batch
          for (const record of held.records()) records.push(record)
          tally[await send(tables, held, csv.columns, reader.dialect)]++
        }
        const { theirs, ours } = await tables.take(csv.columns)
        // Whichever way a batch went, what has arrived is what the records say.
        expectRows(
          ours,
          records.filter(({ problem }) => !problem).map(({ fields }) => fields),
        )
        if (!taken) return
        // Before PostgreSQL 18 a line of backslash and dot ends what COPY reads; to a load it is data.
        const ends = session.serverVersion < 180_000 && /(^|[\r\n])\\\.(?=[\r\n]|$)/.test(csv.text)
        const judged = ends ? records.slice(0, theirs.length) : records
        expect(judged.map(({ problem }) => problem).filter(Boolean)).toEqual([])
        expectRows(
          judged.map(({ fields }) => fields),
          theirs,
        )
        if (theirs.length > 0) tally.agreed++
      }),
      { numRuns: everyFault ? 10_000 : 1200 },
    )
    expect(tally.agreed).toBeGreaterThan(tally.texts / 5)
    expect(Math.min(tally.raw, tally.cut)).toBeGreaterThan(tally.texts / 10)
  })
})
