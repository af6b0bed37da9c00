import { expect, test } from 'vitest'
import { codeOf } from '../../src/backfill/code.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { seedBackfill } from '../support/backfills.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const file = {
  datasets: {
    measure: {
      target: 'public.measure',
      key: ['station', 'at'],
      partition: {
        key: 'at',
        kind: 'timestamptz',
        grain: 'month',
        zone: 'Europe/Paris',
        from: '2024-01',
        until: '2025-01',
      },
      sources: {
        piezo: { kind: 'file', path: 'piezo/{year}/{month}.csv', scope: "theme = 'piezo'" },
        hydro: { kind: 'file', path: 'hydro/{year}/{month}.csv', scope: "theme = 'hydro'" },
      },
    },
    stations: { target: 'public.stations', sources: { all: { kind: 'file', path: 'stations.csv' } } },
  },
}
const month = (n: number) => ({
  from: `2024-${String(n).padStart(2, '0')}-01`,
  to: n === 12 ? '2025-01-01' : `2024-${String(n + 1).padStart(2, '0')}-01`,
})
const figures = { records: 62, inserted: 62, updated: 0, unchanged: 0, moved: 0, rejected: 0, seconds: 1 }

test('a year at a glance, by day and by month, with what to type; --check; rows that are others by now', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse(file)
  const at = warehouse.at(database.target)
  const code = codeOf(loadWarehouse(`${warehouse.folder}/dwh.yaml`), 'measure', 'piezo')

  const empty = await dwhDone(['coverage', 'measure', '--source', 'piezo', '--by', 'month'], at)
  expect(empty.stdout).toContain('2024  · · · · · · · · · · · ·')

  const backfill = await seedBackfill(session, {}, [
    ...[1, 2, 3].map((n) => ({ ...month(n), outcome: 'done' as const, figures })),
    { ...month(4), outcome: 'failed', error: ['SOURCE_FAILED', 'no answer'] },
    { ...month(5), outcome: 'quarantined', gates: [{ gate: 'volume', passed: false }] },
    { ...month(6), outcome: 'flagged', figures, gates: [{ gate: 'coverage', passed: false }] },
    { ...month(7), outcome: 'flagged', figures, gates: [{ gate: 'invalid', passed: false }] },
    { ...month(8), outcome: 'done', figures },
    month(9),
    { ...month(10), outcome: 'cancelled' },
  ])
  await session.run(
    `UPDATE dwh.chunks SET code = CASE window_from WHEN '2024-08-01' THEN 'then' ELSE $1 END`,
    [code],
  )
  await session.run(`
    CREATE TABLE public.measure (station text, at timestamptz, theme text) PARTITION BY RANGE (at);
    CREATE TABLE public.measure_2024_01 PARTITION OF public.measure FOR VALUES FROM ('2023-12-31 23:00+00') TO ('2024-01-31 23:00+00');
    CREATE TABLE public.measure_2024_02 PARTITION OF public.measure FOR VALUES FROM ('2024-01-31 23:00+00') TO ('2024-02-29 23:00+00');
    INSERT INTO public.measure SELECT 's', '2024-01-01 00:30+01'::timestamptz + n * interval '12 hours', 'piezo' FROM generate_series(0, 61) n;
    INSERT INTO public.measure SELECT 's', '2024-02-01 00:30+01'::timestamptz + n * interval '12 hours', 'piezo' FROM generate_series(0, 50) n;
    INSERT INTO public.measure SELECT 's', '2024-02-01 00:30+01'::timestamptz + n * interval '12 hours', 'hydro' FROM generate_series(0, 50) n`)

  const [byMonth, byDay, checked, rows] = await Promise.all([
    dwhDone(['coverage', 'measure', '--source', 'piezo', '--by', 'month'], at),
    dwhDone(['coverage', 'measure', '--source', 'piezo'], at),
    dwh(
      [
        'coverage',
        'measure',
        '--source',
        'piezo',
        '--check',
        '--from',
        '2024-01-01',
        '--to',
        '2024-05-01',
        '--json',
      ],
      at,
    ),
    dwh(['coverage', 'measure', '--rows', '--check', '--from', '2024-01', '--to', '2024-03', '--json'], at),
  ])
  expect(byMonth.stdout).toContain('2024  █ █ █ X Q ░ ! S > · · ·')
  const lines = byDay.stdout.split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110)
  expect(lines.slice(2, 6)).toEqual([
    '         1        10        20        30  rows',
    `2024-01  ${'█'.repeat(31)}  62`,
    `2024-02  ${'█'.repeat(29)}    62`,
    `2024-03  ${'█'.repeat(31)}  62`,
  ])
  expect(byDay.stdout).toContain(`2024-04  ${'X'.repeat(30)}`)
  expect(byDay.stdout).toContain(
    '366 days: 91 ok, 31 flagged, 30 thin, 30 open, 31 stale, 31 quarantined, 30 failed, 92 missing',
  )
  for (const command of [
    'dwh backfill run --dataset measure --source piezo --from 2024-10-01 --to 2025-01-01 --missing',
    'dwh backfill run --dataset measure --source piezo --from 2024-04-01 --to 2024-05-01 --failed',
    'dwh backfill run --dataset measure --source piezo --from 2024-08-01 --to 2024-09-01 --stale',
    `dwh backfill accept ${backfill}`,
  ])
    expect(byDay.stdout).toContain(`  ${command}\n`)
  expect(byDay.stdout).toMatch(/failed +2024-04-01 +2024-05-01 +30 +no answer/)
  expect(byDay.stdout).not.toContain('\x1b')

  expect(checked).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/CHECK_FAILED 30 days of measure want something\nhint .*--failed/),
  })
  const document = JSON.parse(checked.stdout)
  expect(document).toMatchObject({ dataset: 'measure', by: 'day', from: '2024-01-01', to: '2024-05-01' })
  expect(document.sources).toHaveLength(1)
  expect(document.sources[0]).toMatchObject({
    totals: { ok: 91, failed: 30, missing: 0 },
    gaps: [{ state: 'failed', from: '2024-04-01', to: '2024-05-01', days: 30, why: 'no answer' }],
    differences: null,
  })
  expect(document.sources[0].periods[90]).toEqual({
    period: '2024-03-31',
    state: 'ok',
    days: { ok: 1 },
    rows_there: null,
  })
  expect(document.sources[0].windows).toHaveLength(4)

  expect(rows).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/counting rows: reads the leaves of these days once, of 2 leaves/),
  })
  const counted = JSON.parse(rows.stdout).sources
  // Each source counts its own rows, by the days of the policy's zone.
  expect(counted[0]).toMatchObject({
    source: 'piezo',
    differences: [{ from: '2024-02-01', to: '2024-03-01', backfill, rows: 62, rows_there: 51 }],
  })
  expect(counted[0].periods[0]).toMatchObject({ period: '2024-01-01', rows_there: 2 })
  expect(counted[1]).toMatchObject({ source: 'hydro', differences: [], totals: { missing: 60 } })
})

test('a dataset without windows has one sign; what cannot be is told', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse(file)
  const at = warehouse.at(database.target)
  await seedBackfill(session, {}, [
    { dataset: 'stations', source: 'all', table: 'stations', from: null, to: null, outcome: 'done', figures },
  ])
  await session.run('UPDATE dwh.chunks SET code = $1', [
    codeOf(loadWarehouse(`${warehouse.folder}/dwh.yaml`), 'stations', 'all'),
  ])
  const [stations, source, span, dataset] = await Promise.all([
    dwhDone(['coverage', 'stations', '--check'], at),
    dwh(['coverage', 'measure', '--source', 'piez'], at),
    dwh(['coverage', 'measure', '--from', '2024-03-01', '--to', '2024-03-01'], at),
    dwh(['coverage', 'measures', '--by', 'week'], at),
  ])
  expect(stations.stdout).toContain('█ no windows: ok, 62 rows')
  expect(source).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/dataset measure has no source "piez".*\nhint +it has piezo, hydro/),
  })
  expect(span).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no day between 2024-03-01 and 2024-03-01/),
  })
  expect(dataset).toMatchObject({ code: 2, stderr: expect.stringMatching(/--by <unit>: /) })
})
