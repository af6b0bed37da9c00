import { readdirSync } from 'node:fs'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { apiServer, once } from '../../support/api-server.ts'
import {
  dwdArchive,
  type Files,
  filesOf,
  pathOf,
  productText,
  type StationFile,
  stationZip,
} from '../../support/dwd-archive.ts'
import { surroundings } from '../../support/surroundings.ts'
import { zip } from '../../support/zip.ts'
import { days, fetched, openSource } from './opened.ts'

const file: StationFile = {
  product: 'wind',
  station: 433,
  from: 20200101,
  to: 20200101,
  values: () => ['1.6', '80'],
}
const checked = { ...file, station: 20, historical: true }
const day = days('2020-01-01', '2020-01-02')

/** What a window of one day gives, or fails with, where station 433 has this file. */
async function withFile(body: Files extends Map<string, infer Body> ? Body : never) {
  await using server = await apiServer([dwdArchive(filesOf([checked]).set(pathOf(file), body))])
  await using around = surroundings()
  await using source = await openSource({ url: `${server.base}/hourly`, product: 'wind' }, around)
  const result = await fetched(source, day).catch((error) => error)
  expect(around.spooled()).toEqual([])
  expect(readdirSync(around.folder).toSorted()).toEqual(['cache', 'spool', 'sql'])
  return result
}

const refused = (message: string) => ({ code: 'INPUT_BROKEN', message: expect.stringMatching(message) })
const name = 'produkt_ff_stunde_20200101_20200101_00433.txt'

test('a zip that unpacks to more than any file of the archive is refused unread, and one that lies about it too', async () => {
  const content = productText(file)
  expect(await withFile(zip([{ name, content, lie: 2 ** 31 }]))).toMatchObject(
    refused('says that it has 2147483648 bytes unpacked, .* it was not unpacked$'),
  )
  expect(await withFile(zip([{ name, content, lie: 20 }]))).toMatchObject(
    refused('cannot be unpacked: too many bytes'),
  )
  expect(await withFile(zip([{ name, content, spoil: true }]))).toMatchObject(refused('its checksum differs'))
  // A line without an end is not kept in memory until there is none left.
  const zeros = deflateRawSync(Buffer.alloc(100))
  expect(zeros.length).toBeLessThan(20)
  expect(await withFile(zip([{ name, content: '0'.repeat(2_000_000) }]))).toMatchObject(
    refused('has a line of more than 65536 bytes'),
  )
})

test('names of members are no paths; a zip has one product file', async () => {
  const content = productText(file)
  const up = { name: '../../../tmp/produkt_up.txt', content: 'x' }
  expect(
    await withFile(zip([up, { name: '/etc/produkt_x.txt', content: 'x' }, { name, content }])),
  ).toMatchObject({
    rows: expect.objectContaining({ length: 48 }),
  })
  expect(await withFile(zip([up]))).toMatchObject(refused('holds no member produkt_'))
  expect(
    await withFile(
      zip([
        { name, content },
        { name: 'produkt_2.txt', content },
      ]),
    ),
  ).toMatchObject(refused('holds 2 members produkt_.*, and one is expected$'))
  expect(await withFile(Buffer.from('<html>maintenance</html>'))).toMatchObject(
    refused('^stundenwerte_FF_00433_akt.zip'),
  )
})

test('a file that is none of its product is refused; a line that is none is a record that load refuses, with all it holds', async () => {
  const other = { ...file, product: 'air_temperature' as const, values: () => ['1', '2'] }
  expect(await withFile(stationZip(other).fill('ff', 0, 0))).toMatchObject(
    refused('holds no|has no F, D: its columns are'),
  )
  expect(await withFile(zip([{ name, content: 'a;b\r\n1;2\r\n' }]))).toMatchObject(
    refused(
      'has no STATIONS_ID, MESS_DATUM, QN_…, F, D: its columns are A, B; nothing of the window was loaded$',
    ),
  )
  const lines = [
    '       433;2020010100;   3;   1.6;  80',
    '  433;2020010101; 3; 1,6;  80;eor',
    '433;noon;3;1;2;eor',
    '433;2020130100;3;1;2;eor',
  ]
  const content = `${productText({ ...file, values: () => undefined })}${lines.join('\r\n')}\r\n\u001a`
  const { rows } = await withFile(zip([{ name, content }]))
  expect(rows.slice(24)).toEqual(lines.map((line) => [line]))
})

test('one file that is not there is said and leaves its mark; an index that is empty, or wrong as a whole, is tried again later', async () => {
  const files = filesOf([file, checked])
  await using server = await apiServer([dwdArchive(files)])
  const ask = async () => {
    await using around = surroundings()
    await using source = await openSource({ url: `${server.base}/hourly`, product: 'wind' }, around)
    return await fetched(source, day).catch((error) => error)
  }
  const whole = await ask()
  files.set(pathOf(file), { status: 404, body: 'gone' })
  const without = await ask()
  expect(without).toMatchObject({
    rows: expect.objectContaining({ length: 24 }),
    said: [
      'station 433 goes without stundenwerte_FF_00433_akt.zip: the index names it, and the archive does not have it',
    ],
  })
  expect(without.fingerprint).not.toBe(whole.fingerprint)

  files.set(pathOf(checked), { status: 404, body: 'gone' })
  expect(await ask()).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching('does not have 2 of the files'),
  })
  files.clear()
  expect(await ask()).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching('names no file stundenwerte_FF_'),
  })
})

test('historical files that got the name of a new year while they were asked for are found under it', async () => {
  const rolled = { ...checked, to: 20211231 }
  const files = filesOf([file, rolled])
  files.set(pathOf(checked), { status: 404, body: 'gone' })
  let asked = 0
  const archive = dwdArchive(files)
  await using server = await apiServer([
    (request) => {
      if (!request.url.pathname.endsWith('/historical/')) return archive(request)
      asked++
      const before = filesOf([checked, { ...checked, station: 21 }])
      return asked === 1
        ? dwdArchive(new Map([...before, ...files].slice(0, 1)))(request)
        : dwdArchive(filesOf([rolled]))(request)
    },
  ])
  await using around = surroundings()
  await using source = await openSource({ url: `${server.base}/hourly`, product: 'wind' }, around)
  const { rows } = await fetched(source, day)
  expect(rows.filter(([station]) => station === '20')).toHaveLength(24)
  expect(asked).toBe(2)
})

test('a download that is cut is asked for once more, and what has not changed is not sent again to the next process', async () => {
  const noise = { ...file, values: (hour: number) => [`${(hour * 7919) % 97}.3`, '80'], to: 20200401 }
  await using server = await apiServer([dwdArchive(filesOf([noise, checked]))])
  await using around = surroundings()
  const ask = async () => {
    await using source = await openSource(
      { url: `${server.base}/hourly`, product: 'wind', retries: 2 },
      around,
    )
    return await fetched(source, day)
  }
  server.faults = once({ cut: 500 }, ({ url }) => url.pathname.endsWith('akt.zip'))
  const before = await ask()
  expect(before.rows).toHaveLength(48)
  server.asked.length = 0
  expect((await ask()).rows).toEqual(before.rows)
  const zips = server.asked.filter(({ url }) => url.pathname.endsWith('.zip'))
  expect(zips.map(({ headers }) => typeof headers['if-none-match'])).toEqual(['string', 'string'])
})
