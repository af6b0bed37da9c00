import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetMetadata, parquetRead, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { allFlights, type Flight, loadPlainFlights } from '../../scripts/flights.ts'
import type { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

/** A Parquet file, deleted when the block is left. */
interface FlightsFile extends Disposable {
  path: string
  rows: number
}

const whole: FlightsFile = { path: allFlights, rows: 3_000_000, [Symbol.dispose]: () => {} }

function bytesOf(path: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

/** The first flights of each row group, in row groups of their own: of every month there are some. */
async function someFlights(ofEach: number): Promise<FlightsFile> {
  const file = bytesOf(allFlights)
  const { schema, row_groups } = parquetMetadata(file)
  const flights: Flight[] = []
  let rowStart = 0
  for (const group of row_groups) {
    const rowEnd = rowStart + ofEach
    flights.push(...((await parquetReadObjects({ file, compressors, rowStart, rowEnd })) as Flight[]))
    rowStart += Number(group.num_rows)
  }
  const column = (name: keyof Flight) =>
    flights.map(({ [name]: value }) => (value instanceof Date ? BigInt(value.getTime()) * 1000n : value))
  const columns = ['date', 'delay', 'distance', 'origin', 'destination'] as const
  const columnData = columns.map((name) => ({ name, data: column(name) }))
  const folder = mkdtempSync(join(tmpdir(), 'flights-'))
  const path = join(folder, 'some-flights.parquet')
  writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, schema, rowGroupSize: ofEach })))
  return { path, rows: flights.length, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

interface Sums {
  rows: number
  delay: number
  distance: number
}

/**
 * Rows and sums for each month and airport of origin, read from the Parquet file column by column, which is another way
 * through it than the one that loads the table.
 */
async function independentReading(path: string): Promise<Map<string, Sums>> {
  const file = bytesOf(path)
  const chunks: { name: string; rowStart: number; values: ArrayLike<unknown> }[] = []
  await parquetRead({
    file,
    compressors,
    columns: ['date', 'delay', 'distance', 'origin'],
    onChunk: ({ columnName, columnData, rowStart }) =>
      void chunks.push({ name: columnName, rowStart, values: columnData }),
  })
  const column = (name: string) =>
    chunks
      .filter((chunk) => chunk.name === name)
      .toSorted((one, other) => one.rowStart - other.rowStart)
      .flatMap(({ values }) => Array.from(values))
  const dates = column('date') as Date[]
  const [delays, distances] = ['delay', 'distance'].map(column)
  const sums = new Map<string, Sums>()
  for (const [row, origin] of column('origin').entries()) {
    const key = `${(dates[row] as Date).toISOString().slice(0, 7)} ${origin}`
    const sum = sums.get(key) ?? { rows: 0, delay: 0, distance: 0 }
    sum.rows += 1
    sum.delay += Number(delays?.[row] ?? 0)
    sum.distance += Number(distances?.[row] ?? 0)
    sums.set(key, sum)
  }
  return sums
}

/** The same of the table. */
async function sumsOf(session: Session): Promise<Map<string, Sums>> {
  const rows = await session.rows<Sums & { key: string }>(
    `SELECT to_char(month, 'YYYY-MM') || ' ' || origin AS key, rows, delay, distance
       FROM (SELECT date_trunc('month', date) AS month, origin, count(*) AS rows, coalesce(sum(delay), 0)::int8 AS delay,
                    coalesce(sum(distance), 0)::int8 AS distance FROM public.flights GROUP BY 1, 2) AS s`,
  )
  return new Map(rows.map(({ key, ...sums }) => [key, sums]))
}

test('flights, converted or loaded: rows and sums by month and origin equal an independent reading of the file', async () => {
  // All three million of them take a minute and more: `npm run test:faults`.
  using flights = everyFault ? whole : await someFlights(15_000)
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await loadPlainFlights(session, { path: flights.path })
  const at = { env: targetEnvironment(database.target) }
  // The file is read while setup works.
  const [done, expected] = await Promise.all([
    dwh(['-w', 'flights', 'setup', '--yes', '--no-backup'], at),
    independentReading(flights.path),
  ])
  expect(done).toMatchObject({ code: 0 })
  expect(await sumsOf(session)).toEqual(expected)
  expect([...expected.values()].reduce((sum, { rows }) => sum + rows, 0)).toBe(flights.rows)

  const list = JSON.parse(
    (await dwh(['-w', 'flights', 'partitions', 'list', '--exact', '--json'], at)).stdout,
  )
  for (const { leaf, rows } of list[0].leaves) {
    const month = leaf.slice(-7).replace('_', '-')
    const inMonth = [...expected]
      .filter(([key]) => key.startsWith(month))
      .reduce((sum, [, { rows }]) => sum + rows, 0)
    expect([leaf, rows]).toEqual([leaf, inMonth])
  }

  await session.run('TRUNCATE public.flights')
  const loaded = await dwh(['-w', 'flights', 'load', 'flights', flights.path, '--yes', '--json'], at)
  expect(JSON.parse(loaded.stdout)).toMatchObject([
    { state: 'loaded', strategy: 'scope', records: flights.rows, inserted: flights.rows, rejected: 0 },
  ])
  expect(await sumsOf(session)).toEqual(expected)
}, 400_000)
