import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { expect, test } from 'vitest'
import { loadPlainFlights } from '../../scripts/flights.ts'
import { packageRoot } from '../../src/package.ts'
import type { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

const parquet = join(packageRoot, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet')

interface Sums {
  rows: number
  delay: number
  distance: number
}

/**
 * Rows and sums for each month and airport of origin, read from the Parquet file column by column, which is another way
 * through it than the one that loads the table.
 */
async function independentReading(): Promise<Map<string, Sums>> {
  const { buffer, byteOffset, byteLength } = readFileSync(parquet)
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
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

test('three million flights, converted or loaded: rows and sums by month and origin equal an independent reading of the file', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await loadPlainFlights(session)
  const at = { env: targetEnvironment(database.target) }
  // The file is read while setup works.
  const [done, expected] = await Promise.all([
    dwh(['-w', 'flights', 'setup', '--yes', '--no-backup'], at),
    independentReading(),
  ])
  expect(done).toMatchObject({ code: 0 })
  expect(await sumsOf(session)).toEqual(expected)
  expect([...expected.values()].reduce((sum, { rows }) => sum + rows, 0)).toBe(3_000_000)

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
  const loaded = await dwh(['-w', 'flights', 'load', 'flights', parquet, '--yes', '--json'], at)
  expect(JSON.parse(loaded.stdout)).toMatchObject([
    { state: 'loaded', strategy: 'scope', records: 3_000_000, inserted: 3_000_000, rejected: 0 },
  ])
  expect(await sumsOf(session)).toEqual(expected)
}, 400_000)
