import { expect, test } from 'vitest'
import { loadPlainFlights, readFlights } from '../../scripts/flights.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

interface Sums {
  rows: number
  delay: number
  distance: number
}

/** Rows and sums for each month and airport of origin, read from the Parquet file and nothing else. */
async function independentReading(): Promise<Map<string, Sums>> {
  const sums = new Map<string, Sums>()
  for await (const flights of readFlights()) {
    for (const { date, delay, distance, origin } of flights) {
      const key = `${date.getUTCFullYear()}-${String(date.getUTCMonth() + 1).padStart(2, '0')} ${origin}`
      const sum = sums.get(key) ?? { rows: 0, delay: 0, distance: 0 }
      sum.rows += 1
      sum.delay += Number(delay ?? 0)
      sum.distance += Number(distance ?? 0)
      sums.set(key, sum)
    }
  }
  return sums
}

test('three million flights: rows and sums by month and origin equal an independent reading of the file', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await loadPlainFlights(session)
  const at = { env: targetEnvironment(database.target) }
  expect(await dwh(['-w', 'flights', 'setup', '--yes', '--no-backup'], at)).toMatchObject({ code: 0 })

  const rows = await session.rows<Sums & { key: string }>(
    `SELECT to_char(date, 'YYYY-MM') || ' ' || origin AS key, count(*) AS rows, coalesce(sum(delay), 0)::int8 AS delay,
            coalesce(sum(distance), 0)::int8 AS distance FROM public.flights GROUP BY 1`,
  )
  const expected = await independentReading()
  expect(rows.length).toBe(expected.size)
  expect(new Map(rows.map(({ key, ...sums }) => [key, sums]))).toEqual(expected)
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
})
