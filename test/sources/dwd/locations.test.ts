import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../src/package.ts'
import { apiServer } from '../../support/api-server.ts'
import { dwdArchive, filesOf, pathOf, type StationFile } from '../../support/dwd-archive.ts'
import { surroundings } from '../../support/surroundings.ts'
import { zip } from '../../support/zip.ts'
import { days, fetched, openSource } from './opened.ts'

const all = { window: undefined, parameters: {} }
const file: StationFile = {
  product: 'wind',
  station: 3098,
  from: 19940101,
  to: 20240101,
  values: () => undefined,
}
const closed = { ...file, station: 20, from: 19500101, to: 19801231, historical: true }
const header = 'Stations_id;Stationshoehe;Geogr.Breite;Geogr.Laenge;von_datum;bis_datum;Stationsname'

const geography = (lines: string[], name = 'Metadaten_Geographie_03098.txt') =>
  zip([{ name, content: Buffer.from(`${[header, ...lines].join('\r\n')}\r\n`, 'latin1') }])

const moved = [
  '  3098;  386.70; 51.2454;  7.6425;19940101;20100623;Lüdenscheid',
  '  3098;  -1.50; 51.2452;  7.6425;20100624;        ;Lüdenscheid "Höhe", Süd',
]

test('the places of the stations come from the newest file of each, in Latin-1, with half-open days', async () => {
  const files = filesOf([file, closed, { ...file, historical: true, to: 20221231 }])
  files.set(pathOf(file), geography(moved))
  await using server = await apiServer([dwdArchive(files)])
  await using around = surroundings()
  const settings = { url: `${server.base}/hourly`, product: 'wind', content: 'locations' }
  await using source = await openSource(settings, around)
  const found = await fetched(source, all)
  expect(found.columns).toEqual([
    'station_id',
    'valid_from',
    'valid_to',
    'elevation',
    'latitude',
    'longitude',
    'name',
  ])
  expect(found.rows).toEqual([
    ['20', '1950-01-01', null, '386.70', '51.2454', '7.6425', 'Lüdenscheid'],
    ['3098', '1994-01-01', '2010-06-24', '386.70', '51.2454', '7.6425', 'Lüdenscheid'],
    ['3098', '2010-06-24', null, '-1.50', '51.2452', '7.6425', 'Lüdenscheid "Höhe", Süd'],
  ])
  const zips = server.asked.filter(({ url }) => url.pathname.endsWith('.zip'))
  expect(zips).toHaveLength(2)
  expect((await fetched(source, all)).fingerprint).toBe(found.fingerprint)
  await expect(fetched(source, days('2020-01-01', '2020-01-02'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
})

test('what is no place is a record that load refuses, and what is no list is refused as a whole', async () => {
  const files = filesOf([file, closed])
  await using server = await apiServer([dwdArchive(files)])
  const ask = async (bytes: Buffer | { status: number }) => {
    files.set(pathOf(file), bytes)
    await using around = surroundings()
    const settings = { url: `${server.base}/hourly`, product: 'wind', content: 'locations' }
    await using source = await openSource(settings, around)
    return await fetched(source, all).catch((error) => error)
  }
  const odd = [
    '  3098;  386.70; 51.2454;  7.6425;19941301;        ;No month',
    '3098;high;51;7;19940101;;x',
    '\u001a',
  ]
  expect((await ask(geography(odd))).rows.slice(1)).toEqual(odd.slice(0, 2).map((line) => [line]))
  // Files of 2016 have another name, blanks and a semicolon at the end.
  const old = zip([
    {
      name: 'Stationsmetadaten_ff_stationen_03098_x.txt',
      content: `${header.replaceAll(';', '; ')};   \n  3098;  152; 51.0833; 13.7667;19280101;19331231;Dresden   \n`,
    },
  ])
  expect((await ask(old)).rows[1]).toEqual([
    '3098',
    '1928-01-01',
    '1934-01-01',
    '152',
    '51.0833',
    '13.7667',
    'Dresden',
  ])
  const refused = (message: RegExp) => ({ code: 'INPUT_BROKEN', message: expect.stringMatching(message) })
  expect(await ask(zip([{ name: 'x.txt', content: 'x' }]))).toMatchObject(
    refused(/holds no member .*Geographie/),
  )
  const text = `${header}\n${moved[0]}\n`
  const name = 'Metadaten_Geographie_03098.txt'
  expect(await ask(zip([{ name, content: text, lie: 2 ** 30 }]))).toMatchObject(
    refused(/it was not unpacked$/),
  )
  expect(await ask(zip([{ name, content: text, lie: 20 }]))).toMatchObject(refused(/cannot be unpacked/))
  expect(await ask(zip([{ name, content: '<html>maintenance</html>' }]))).toMatchObject(
    refused(/begins with "<html>/),
  )
  // One file that is not there is the archive's mistake.
  expect(await ask({ status: 404 })).toMatchObject({
    rows: expect.objectContaining({ length: 1 }),
    said: [expect.stringMatching(/station 3098 goes without stundenwerte_FF_03098_akt\.zip/)],
  })
})

const samples = join(packageRoot, '../shared/data/dwd')

test.skipIf(!existsSync(samples))('real files of the service have their places', async () => {
  for (const path of globSync(`${samples}/{modern,2016-format/day1}/*{TU,FF,RR}*.zip`)) {
    const files = filesOf([file, closed]).set(pathOf(file), readFileSync(path))
    await using server = await apiServer([dwdArchive(files)])
    await using around = surroundings()
    await using source = await openSource(
      { url: `${server.base}/hourly`, product: 'wind', content: 'locations' },
      around,
    )
    const { rows } = await fetched(source, all)
    expect(rows.length, path).toBeGreaterThan(3)
    expect(
      rows.filter((row) => row.length !== 7),
      path,
    ).toEqual([])
    // The last place holds until today, and each begins where the one before has ended.
    const own = rows.slice(1)
    for (const [n, [, from]] of own.entries()) if (n > 0) expect(from, path).toBe(own[n - 1]?.[2])
  }
})
