import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../src/package.ts'
import { readIndexPage } from '../../../src/sources/dwd/index-page.ts'
import { products } from '../../../src/sources/dwd/products.ts'
import { stationRows } from '../../../src/sources/dwd/station-list.ts'
import type { Input } from '../../../src/sources/file/find.ts'
import { apiServer } from '../../support/api-server.ts'
import { dwdArchive, type Files, filesOf, type ProductName } from '../../support/dwd-archive.ts'
import { surroundings } from '../../support/surroundings.ts'
import { zip } from '../../support/zip.ts'
import { inputFolder, readAll } from '../file/inputs.ts'
import { days, fetched, openSource } from './opened.ts'

/** Real files of the service, which are no part of the project. */
const samples = join(packageRoot, '../shared/data/dwd')
const why = 'there is no ../shared/data/dwd'

/** An archive of one product with one real file in it, and a historical one of a station that is no more. */
function archiveOf(product: ProductName, name: string, bytes: Buffer): Files {
  const { directory } = products[product]
  const ended = {
    product,
    station: 1,
    from: 19500101,
    to: 19500102,
    historical: true,
    values: () => ['1', '2'],
  }
  return filesOf([ended]).set(`${directory}/recent/${name}`, bytes)
}

async function rowsOf(product: ProductName, files: Files, from: string, to: string) {
  await using server = await apiServer([dwdArchive(files)])
  await using around = surroundings()
  await using source = await openSource({ url: `${server.base}/hourly`, product }, around)
  return (await fetched(source, days(from, to))).rows
}

const modern: { product: ProductName; file: string; first: (string | null)[] }[] = [
  { product: 'wind', file: 'FF_akt', first: ['4911', '2018-09-15 00:00:00+00', '10', '1.6', '80', '1'] },
  { product: 'cloud_cover', file: 'N_akt', first: ['1766', '2018-12-03 07:00:00+00', '3', 'P', '4', '1'] },
  {
    product: 'pressure',
    file: 'P0_hist',
    first: ['7412', '2018-09-15 00:00:00+00', '3', '1021.2', '980.9', '1'],
  },
  {
    product: 'precipitation',
    file: 'RR_akt',
    first: ['20', '2018-09-22 20:00:00+00', '3', '0.0', '0', null, '1'],
  },
  {
    product: 'air_temperature',
    file: 'TU_akt',
    first: ['320', '2018-09-15 00:00:00+00', '3', '13.7', '96.0', '1'],
  },
]

test.for(modern)('a real zip of $product', async ({ product, file, first }, { skip }) => {
  const path = join(samples, 'modern', `observations_recent_${file}.zip`)
  skip(!existsSync(path), why)
  const name = `stundenwerte_${products[product].code}_00001_akt.zip`
  const rows = await rowsOf(product, archiveOf(product, name, readFileSync(path)), '2018-01-01', '2021-01-01')
  expect(rows[0]).toEqual(first)
  expect(rows.length).toBeGreaterThan(5)
  if (product === 'cloud_cover') expect(rows.map((row) => row[4])).toContain('-1')
})

test('real zips of 2016, and that of the next day: 24 hours are new', async ({ skip }) => {
  skip(!existsSync(samples), why)
  for (const [product, code] of [
    ['wind', 'FF'],
    ['precipitation', 'RR'],
    ['air_temperature', 'TU'],
  ] as const) {
    const name = `stundenwerte_${code}_01048_akt.zip`
    const read = (day: string) => readFileSync(join(samples, '2016-format', day, name))
    const rows = await rowsOf(product, archiveOf(product, name, read('day1')), '2015-01-01', '2017-01-01')
    await using folder = inputFolder()
    const [input] = await folder.find([`${join(samples, '2016-format/day1', name)}!produkt_*`])
    const { records } = await readAll(input as Input)
    // Its last line is one byte, 0x1A.
    expect(rows).toHaveLength(records.filter(({ problem }) => !problem).length)
    expect(rows.length).toBeGreaterThan(13_100)
    expect(rows.every((row) => row.every((cell) => cell === null || !/^-999|^$/.test(cell)))).toBe(true)
    if (product !== 'air_temperature') continue
    const next = await rowsOf(product, archiveOf(product, name, read('day2')), '2015-01-01', '2017-01-01')
    const times = new Set(rows.map(([, time]) => time))
    expect(next.filter(([, time]) => !times.has(time as string))).toHaveLength(24)
  }
})

test('whole real product files: as many rows, the same values as a plain reading', async ({ skip }) => {
  skip(!existsSync(samples), why)
  const [path = ''] = globSync('product-files/produkt_tu_*.txt', { cwd: samples })
  const content = readFileSync(join(samples, path))
  const bytes = zip([{ name: path.replace(/.*\//, ''), content }])
  const rows = await rowsOf(
    'air_temperature',
    archiveOf('air_temperature', 'stundenwerte_TU_02812_akt.zip', bytes),
    '2018-01-01',
    '2020-01-01',
  )
  const plain = content
    .toString('latin1')
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(';').map((cell) => cell.trim()))
  const value = (cell = '') => (Number(cell) === -999 ? null : cell)
  expect(rows.map((row) => row.slice(2, 5))).toEqual(
    plain.map((cells) => [value(cells[2]), value(cells[3]), value(cells[4])]),
  )
  expect(rows).toHaveLength(13_200)
})

test('real lists of stations and a real index', async ({ skip }) => {
  skip(!existsSync(samples), why)
  for (const [year, count] of [
    ['2016', 622],
    ['2021', 663],
  ] as const) {
    const list = readFileSync(join(samples, 'metadata', `TU_Stundenwerte_Beschreibung_Stationen_${year}.txt`))
    const [header, ...rows] = stationRows(list).trimEnd().split('\n')
    expect(header).toBe('station_id,first_day,last_day,elevation,latitude,longitude,name,state,access')
    expect(rows).toHaveLength(count)
    expect(
      rows.filter(
        (row) => !/^\d+,\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d,-?\d+,[\d.]+,[\d.]+,"[^"]+","[A-Z][^"]+",$/.test(row),
      ),
    ).toEqual([])
    expect(rows[1]).toMatch(/"Großenkneten","Niedersachsen",$/)
  }
  const html = readFileSync(join(samples, 'metadata/dwd_opendata_index_sample.html'), 'utf8')
  expect(readIndexPage(html, products.wind)).toEqual({
    stations: 'FF_Stundenwerte_Beschreibung_Stationen.txt',
    editions: [
      {
        name: 'stundenwerte_FF_00011_akt.zip',
        station: 11,
        rank: 1,
        from: undefined,
        to: undefined,
        listed: '29-Mar-2020 08:55 70523',
      },
      {
        name: 'stundenwerte_FF_00090_akt.zip',
        station: 90,
        rank: 1,
        from: undefined,
        to: undefined,
        listed: '29-Mar-2020 08:56 71408',
      },
    ],
  })
})
