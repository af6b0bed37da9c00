import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../src/package.ts'
import { apiServer } from '../support/api-server.ts'
import { dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { dwdArchive, filesOf, hourOf, pathOf, type StationFile, stationZip } from '../support/dwd-archive.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

/** The warehouse as it ships, but for the address of the archive. */
function weatherinsight(base: string) {
  const text = readFileSync(join(packageRoot, 'warehouses/weatherinsight.yaml'), 'utf8')
  const file = parse(text.replaceAll(/url: https:.*hourly/g, `url: ${base}/hourly`), { merge: true })
  return testWarehouse({
    ...file,
    migrations: join(packageRoot, 'migrations/weatherinsight'),
    sql: join(packageRoot, 'sql/weatherinsight'),
  })
}

const begin = hourOf(20230101)
const stations = Array.from({ length: 12 }, (_, n) => 20 + n)
const value = (station: number, hour: number) =>
  ((((hour - begin) * 7 + station * 13) % 300) / 10 - 5).toFixed(1)

const recent = (station: number): StationFile => ({
  product: 'air_temperature',
  station,
  from: 20221201,
  to: 20230531,
  quality: 1,
  // The last station has no humidity.
  values: (hour) => [value(station, hour), station === 31 ? '-999' : '80.0'],
})
const historical = (station: number): StationFile => ({
  ...recent(station),
  from: 20220101,
  to: 20230228,
  historical: true,
  quality: 10,
  values: (hour) =>
    hour === begin + 5 ? undefined : [value(station, hour), station === 31 ? '-999.0' : '81.0'],
})

test('years of hours become features by quarter, each window once; newer files change what they should and no more', async () => {
  const files = filesOf(stations.flatMap((station) => [recent(station), historical(station)]))
  let date = '01-Jun-2023 08:55'
  await using archive = await apiServer([
    dwdArchive(files, (path) => (path.includes('akt') ? date : '01-Mar-2023 00:00')),
  ])
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = weatherinsight(archive.base)
  const at = warehouse.at(database.target)
  const run = (dataset: string, window: string, ...flags: string[]) =>
    dwhDone(['backfill', 'run', '--dataset', dataset, ...window.split(' '), '--yes', '--json', ...flags], at)
  await dwhDone(['setup', '--yes', '--no-backup'], at)

  // A year of hours is one window, and comes before the quarters within it, whatever the order.
  const features = ['quarterly_temperature_features', 'quarterly_humidity_features']
  const datasets = features.flatMap((name) => ['--dataset', name])
  await run('air_temperature', '--year 2023', '--order', 'newest', '--parallel', '3', ...datasets)
  const hours = () =>
    session.row(
      `SELECT count(*) AS rows, count(*) FILTER (WHERE edition = 2) AS historical, count(relative_humidity) AS humid,
              min(measured_at) = '2023-01-01 00:00Z' AND max(measured_at) = '2023-05-31 23:00Z' AS whole
         FROM public.hourly_air_temperature`,
    )
  const loaded = { rows: 12 * 151 * 24, historical: 12 * (59 * 24 - 1), humid: 11 * 151 * 24, whole: true }
  expect(await hours()).toEqual(loaded)

  const found = await session.rows(
    `SELECT quarter, hours_observed, coverage, mean_temperature, min_temperature, max_temperature, frost_hours
       FROM public.quarterly_temperature_features WHERE station_id = 25 AND year = 2023 ORDER BY quarter`,
  )
  const expected = [
    [1, 0, 90, 90],
    [2, 90, 151, 91],
  ].map(([quarter, from = 0, to = 0, days = 0]) => {
    const values = Array.from({ length: (to - from) * 24 }, (_, n) =>
      Number(value(25, begin + from * 24 + n)),
    )
    return {
      quarter,
      hours_observed: values.length,
      coverage: Math.round((values.length / days / 24) * 10_000) / 10_000,
      mean_temperature: expect.closeTo(values.reduce((sum, one) => sum + one, 0) / values.length, 1),
      min_temperature: Math.min(...values),
      max_temperature: Math.max(...values),
      frost_hours: values.filter((one) => one < 0).length,
    }
  })
  expect(found).toEqual(expected)
  expect(
    await session.rows(
      'SELECT quarter, count(*) AS stations FROM public.quarterly_humidity_features GROUP BY 1 ORDER BY 1',
    ),
  ).toEqual([
    { quarter: 1, stations: 11 },
    { quarter: 2, stations: 11 },
  ])

  // The next day: the recent files have changed, one hour of them for good, one that a historical file has too.
  date = '02-Jun-2023 08:55'
  const changed = {
    ...recent(25),
    values: (hour: number) =>
      hour === begin + 4 || hour === begin + 3000 ? ['33.3', '99.0'] : recent(25).values(hour),
  }
  files.set(pathOf(changed), stationZip(changed))
  archive.asked.length = 0
  await run('air_temperature', '--year 2023', '--stale')
  expect(
    archive.asked.filter(({ url, headers }) => url.pathname.endsWith('.zip') && !headers['if-none-match']),
  ).toEqual([])
  expect(await hours()).toEqual(loaded)
  expect(
    await session.rows(
      'SELECT station_id, edition FROM public.hourly_air_temperature WHERE relative_humidity = 99',
    ),
  ).toEqual([{ station_id: 25, edition: 1 }])
  await run('quarterly_temperature_features', '--quarter 2023-Q2', '--force')
  expect(
    await session.rows(
      'SELECT quarter, max_temperature FROM public.quarterly_temperature_features WHERE station_id = 25 ORDER BY quarter',
    ),
  ).toEqual([
    { quarter: 1, max_temperature: expected[0]?.max_temperature },
    { quarter: 2, max_temperature: 33.3 },
  ])
  expect(
    await session.rows(
      `SELECT dataset_name, version, start_date::text, end_date::text, record_count, is_current FROM public.dataset_versions
        WHERE dataset_name = 'air_temperature' ORDER BY version`,
    ),
  ).toEqual([
    {
      dataset_name: 'air_temperature',
      version: 1,
      start_date: '2023-01-01',
      end_date: '2023-12-31',
      record_count: loaded.rows,
      is_current: false,
    },
    {
      dataset_name: 'air_temperature',
      version: 2,
      start_date: '2023-01-01',
      end_date: '2023-12-31',
      record_count: loaded.rows,
      is_current: true,
    },
  ])
})
