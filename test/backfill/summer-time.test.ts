import { expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { type Api, apiServer } from '../support/api-server.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const hour = 3_600_000
const quarter = hour / 4

/** An API of instants that gives both ends of a question, as many do. */
const clock: Api = ({ url: { searchParams: of } }) => {
  const [from, to] = [Date.parse(of.get('from') ?? ''), Date.parse(of.get('to') ?? '')]
  const times = Array.from({ length: Math.round((to - from) / quarter) + 1 }, (_, n) => from + n * quarter)
  return { body: { count: times.length, data: times.map((time) => ({ at: new Date(time).toISOString() })) } }
}

test('days of Paris have 23 hours in spring and 25 in autumn: each row lands once, in the leaf of its day', async () => {
  await using api = await apiServer([clock])
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await ensureLedger(session, quietWork())
  await session.run(
    'CREATE TABLE public.measure (at timestamptz PRIMARY KEY, note text) PARTITION BY RANGE (at)',
  )
  const description = {
    target: 'public.measure',
    key: 'at',
    partition: { key: 'at', kind: 'timestamptz', grain: 'day', zone: 'Europe/Paris', premake: 0 },
    sources: {
      clock: {
        kind: 'http',
        url: `${api.base}/measures`,
        query: { from: '{from_instant}', to: '{to_instant}' },
        count: 'count',
        chunk: 'day',
      },
    },
  }
  using warehouse = testWarehouse({ datasets: { measure: description } })
  const at = warehouse.at(database.target)
  const run = async (from: string, to: string, ...more: string[]) =>
    JSON.parse(
      (
        await dwhDone(
          ['backfill', 'run', '--dataset', 'measure', '--from', from, '--to', to, '--yes', '--json', ...more],
          at,
        )
      ).stdout,
    ).windows.map(({ window_from, figures }: { window_from: string; figures: Record<string, number> }) => [
      window_from,
      figures.inserted,
      figures.outside,
    ])

  expect(await run('2024-03-30', '2024-04-02')).toEqual([
    ['2024-03-30', 96, 1],
    ['2024-03-31', 92, 1],
    ['2024-04-01', 96, 1],
  ])
  expect(await run('2024-10-26', '2024-10-29')).toEqual([
    ['2024-10-26', 96, 1],
    ['2024-10-27', 100, 1],
    ['2024-10-28', 96, 1],
  ])
  expect(api.asked.map(({ url }) => url.search)).toContain(
    `?${new URLSearchParams({ from: '2024-10-26T22:00:00Z', to: '2024-10-27T23:00:00Z' })}`,
  )
  const days = `
    SELECT tableoid::regclass::text AS leaf, count(*)::int AS rows,
           count(*) FILTER (WHERE to_char(at AT TIME ZONE 'Europe/Paris', 'YYYY_MM_DD') = right(tableoid::regclass::text, 10))::int AS own
      FROM public.measure GROUP BY 1 ORDER BY 1`
  const expected = [
    { leaf: 'measure_2024_03_30', rows: 96, own: 96 },
    { leaf: 'measure_2024_03_31', rows: 92, own: 92 },
    { leaf: 'measure_2024_04_01', rows: 96, own: 96 },
    { leaf: 'measure_2024_10_26', rows: 96, own: 96 },
    { leaf: 'measure_2024_10_27', rows: 100, own: 100 },
    { leaf: 'measure_2024_10_28', rows: 96, own: 96 },
  ]
  await session.run("SET search_path TO public; SET TimeZone TO 'America/New_York'")
  expect(await session.rows(days)).toEqual(expected)

  // Replaced, each day takes its own hours and no others: also the one that comes twice.
  await session.run(
    "UPDATE public.measure SET note = 'by hand' WHERE at >= '2024-10-27T00:00+00' AND at < '2024-10-27T02:00+00'",
  )
  const replaced = await run('2024-10-27', '2024-10-28', '--force', '--no-backup')
  expect(replaced).toEqual([['2024-10-27', 100, 1]])
  expect(await session.rows(days)).toEqual(expected)
  expect(await session.one('SELECT count(note)::int AS notes FROM public.measure')).toEqual({ notes: 0 })
  // What is proved is told by the same days.
  expect(await dwh(['backfill', 'verify', '--from', '2024-10-26', '--to', '2024-10-29'], at)).toMatchObject({
    code: 0,
  })
  const coverage = await dwhDone(
    ['coverage', 'measure', '--from', '2024-10-26', '--to', '2024-10-29', '--json'],
    at,
  )
  expect(coverage.stdout).toMatch(/"gaps": \[\]/)
})
