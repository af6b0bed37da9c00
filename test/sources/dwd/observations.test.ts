import { expect, test } from 'vitest'
import { apiServer } from '../../support/api-server.ts'
import { dwdArchive, filesOf, hourOf, type StationFile } from '../../support/dwd-archive.ts'
import { surroundings } from '../../support/surroundings.ts'
import { quietWork } from '../../support/work.ts'
import { days, fetched, openSource } from './opened.ts'

const first = hourOf(20181230)
const temperature = (hour: number) => [((hour % 400) / 10 - 10).toFixed(1), '81.0']

const historical: StationFile = {
  product: 'air_temperature',
  station: 433,
  from: 20180101,
  to: 20181231,
  historical: true,
  quality: 10,
  // Two hours are absent, and one has no humidity.
  values: (hour) => {
    if (hour === first + 3 || hour === first + 30) return undefined
    return hour === first + 1 ? ['-0.4', '-999.0'] : temperature(hour)
  },
}
const recent: StationFile = {
  product: 'air_temperature',
  station: 433,
  from: 20181201,
  to: 20190131,
  quality: 1,
  values: (hour) => [hour === first + 50 ? '-999' : '5.5', '-999'],
}

test('hours of two editions are one: the historical wins, what it lacks comes from the recent one, all in UTC', async () => {
  await using server = await apiServer([dwdArchive(filesOf([recent, historical]))])
  await using around = surroundings()
  await using source = await openSource({ url: `${server.base}/hourly/`, product: 'air_temperature' }, around)
  const wish = days('2018-12-30', '2019-01-02')
  const { columns, rows, fingerprint, requests, said } = await fetched(source, wish)

  expect(columns).toEqual([
    'station_id',
    'measured_at',
    'quality',
    'air_temperature',
    'relative_humidity',
    'edition',
  ])
  expect(rows).toHaveLength(72)
  expect(new Set(rows.map(([, time]) => time)).size).toBe(72)
  const at = (hour: number) =>
    rows.find(
      ([, time]) =>
        time ===
        `${new Date((first + hour) * 3600_000).toISOString().slice(0, 13).replace('T', ' ')}:00:00+00`,
    )
  expect(at(0)).toEqual(['433', '2018-12-30 00:00:00+00', '10', temperature(first)[0], '81.0', '2'])
  expect(at(1)).toEqual(['433', '2018-12-30 01:00:00+00', '10', '-0.4', null, '2'])
  expect(at(3)).toEqual(['433', '2018-12-30 03:00:00+00', '1', '5.5', null, '1'])
  expect(at(48)).toEqual(['433', '2019-01-01 00:00:00+00', '1', '5.5', null, '1'])
  expect(at(50)?.[3]).toBeNull()
  expect(rows.filter((row) => row[5] === '2')).toHaveLength(46)
  expect(said).toEqual([])

  // Two pages of the index and two zips, which are not asked for again while the index says the same of them.
  expect(requests).toBe(4)
  expect(await source.fingerprint(wish, quietWork())).toBe(fingerprint)
  expect(await source.estimate(wish, quietWork())).toBe(72)
  expect(await fetched(source, wish)).toMatchObject({ requests: 2, fingerprint, rows })
  expect(around.spooled()).toEqual([])
})

test('a window that the historical file has to its end asks for no recent one, and keeps its fingerprint', async () => {
  const files = filesOf([recent, historical])
  let date = '29-Mar-2020 08:55'
  await using server = await apiServer([
    dwdArchive(files, (path) => (path.includes('akt') ? date : '01-Jan-2020 00:00')),
  ])
  const ask = async () => {
    await using around = surroundings()
    await using source = await openSource(
      { url: `${server.base}/hourly`, product: 'air_temperature' },
      around,
    )
    return await fetched(source, days('2018-12-30', '2019-01-01'))
  }
  const before = await ask()
  expect(before.rows).toHaveLength(46)
  expect(before.requests).toBe(3)
  date = '30-Mar-2020 08:55'
  expect(await ask()).toEqual(before)
  expect(server.asked.some(({ url }) => url.pathname.includes('akt'))).toBe(false)
})

test('stations may be named, by parameters too; a window without rows has no input', async () => {
  const other = { ...recent, station: 20 }
  await using server = await apiServer([dwdArchive(filesOf([recent, other, historical]))])
  await using around = surroundings()
  const settings = { url: `${server.base}/hourly`, product: 'air_temperature', stations: ['{station}'] }
  await using source = await openSource(settings, around)
  const { rows } = await fetched(source, days('2019-01-01', '2019-02-01', { station: '00020' }))
  expect(new Set(rows.map(([station]) => station))).toEqual(new Set(['20']))
  expect(rows).toHaveLength(31 * 24)
  expect(await fetched(source, days('2023-01-01', '2024-01-01', { station: '433' }))).toMatchObject({
    columns: [],
    rows: [],
  })
  await expect(fetched(source, days('2019-01-01', '2019-02-01', { station: '../x' }))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
})

const others = [
  {
    product: 'precipitation' as const,
    values: ['0.4', '1', '-999'],
    columns: ['precipitation', 'precipitation_fallen', 'precipitation_form'],
    row: ['0.4', '1', null],
  },
  {
    product: 'wind' as const,
    values: ['1.6', '80'],
    columns: ['wind_speed', 'wind_direction'],
    row: ['1.6', '80'],
  },
  {
    product: 'pressure' as const,
    values: ['1021.2', '-999'],
    columns: ['pressure_sea_level', 'pressure_station'],
    row: ['1021.2', null],
  },
  // -1: the sky was not visible.
  {
    product: 'cloud_cover' as const,
    values: ['P', '-1'],
    columns: ['cloud_cover_method', 'cloud_cover'],
    row: ['P', '-1'],
  },
]

test.each(others)(
  '$product of today and with the columns of 2016',
  async ({ product, values, columns, row }) => {
    const today = { product, station: 3, from: 20200101, to: 20200101, values: () => values }
    // The editions of 2016 know no method of observation.
    const old = {
      ...today,
      station: 4,
      old: true,
      values: () => (product === 'cloud_cover' ? values.slice(1) : values),
    }
    await using server = await apiServer([
      dwdArchive(filesOf([today, old, { ...today, station: 9, historical: true }])),
    ])
    await using around = surroundings()
    await using source = await openSource({ url: `${server.base}/hourly`, product }, around)
    const found = await fetched(source, days('2020-01-01', '2020-01-02'))
    expect(found.columns).toEqual(['station_id', 'measured_at', 'quality', ...columns, 'edition'])
    const of = (station: string) => found.rows.find(([id]) => id === station)?.slice(3, -1)
    expect(of('3')).toEqual(row)
    expect(of('4')).toEqual(product === 'cloud_cover' ? [null, row[1]] : row)
    expect(found.rows).toHaveLength(72)
  },
)
