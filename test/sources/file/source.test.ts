import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import { expect, test } from 'vitest'
import { openFile } from '../../../src/sources/file/source.ts'
import type { Source, Surroundings } from '../../../src/sources/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { surroundings } from '../../support/surroundings.ts'
import { quietWork } from '../../support/work.ts'
import { zip } from '../../support/zip.ts'
import { readAll } from './inputs.ts'

function days(from: string, to: string, parameters: Record<string, string> = {}): Wish {
  const window = { from: Temporal.PlainDate.from(from), to: Temporal.PlainDate.from(to), zone: 'UTC' }
  return { window, parameters }
}

async function openSource(settings: Record<string, unknown>, around: Surroundings): Promise<Source> {
  const parsed = sourceSchema.parse({ kind: 'file', ...settings })
  if (parsed.kind !== 'file') throw new Error('no source of files')
  return openFile(parsed, around)
}

async function fetched(source: Source, wish: Wish) {
  const work = quietWork()
  await using found = await source.fetch(wish, work)
  const said = work.events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
  const { fingerprint, input } = found
  if (!input)
    return {
      name: undefined,
      columns: [],
      records: [],
      fields: [],
      batches: [],
      fingerprint,
      said,
      digest: '',
    }
  const digest = await input.digest(work)
  const read = await readAll(input)
  return {
    ...read,
    name: input.name,
    fields: read.records.map(({ fields }) => fields),
    fingerprint,
    said,
    digest,
  }
}

test('the files of a window are one input, in the order of the days; what is not there is said', async () => {
  await using around = surroundings()
  const put = (name: string, content: string | Buffer) => writeFileSync(join(around.folder, name), content)
  put('2024-01-30.csv', 'id,day\n1,2024-01-30\n2,2024-01-30\n')
  put('2024-02-01.csv', 'id,day\n4,2024-02-01\n')
  put('2024-01-31.csv', 'id,day\n\n3,2024-01-31\n')
  await using source = await openSource({ path: '{year}-{month}-{day}.csv' }, around)
  const found = await fetched(source, days('2024-01-29', '2024-02-02'))
  expect(found).toMatchObject({
    name: '{year}-{month}-{day}.csv of 2024-01-29 to 2024-02-02 (3 files)',
    columns: ['id', 'day'],
    fields: [
      ['1', '2024-01-30'],
      ['2', '2024-01-30'],
      ['3', '2024-01-31'],
      ['4', '2024-02-01'],
    ],
    said: ['there is no file 2024-01-29.csv of 2024-01-29 to 2024-02-02'],
  })
  // Places go on from file to file, lines and offsets are those of their own.
  expect(
    found.batches.map(({ number, firstRecord, count, bytesRead }) => [number, firstRecord, count, bytesRead]),
  ).toEqual([
    [0, 1, 2, 33],
    [1, 3, 1, 54],
    [2, 4, 1, 74],
  ])
  expect(found.records.map(({ line, offset, original }) => [line, offset, `${original}`])).toEqual([
    [2, 7, '1,2024-01-30'],
    [3, 20, '2,2024-01-30'],
    [3, 8, '3,2024-01-31'],
    [2, 7, '4,2024-02-01'],
  ])
  expect(await source.estimate(days('2024-01-29', '2024-02-02'), quietWork())).toBe(4)
  expect(await fetched(source, days('2023-01-01', '2023-02-01'))).toMatchObject({
    name: undefined,
    said: [
      '31 files of 2023-01-01 to 2023-02-01 are not there: 2023-01-01.csv, 2023-01-02.csv, 2023-01-03.csv, …',
    ],
  })
})

test('a fingerprint is of the files of the window, wherever the warehouse lies', async () => {
  const ask = async (touch: boolean) => {
    await using around = surroundings()
    for (const month of ['2024-01', '2024-02']) {
      const path = join(around.folder, `${month}.csv`)
      writeFileSync(path, 'id\n1\n')
      utimesSync(path, 1, touch && month === '2024-01' ? 3 : 2)
    }
    await using source = await openSource({ path: '{year}-{month}.csv' }, around)
    const wish = days('2024-01-05', '2024-01-06')
    const { fingerprint, fields } = await fetched(source, wish)
    expect(fields).toEqual([['1']])
    expect(await source.fingerprint(wish, quietWork())).toBe(fingerprint)
    // The file has other days too.
    expect(await source.estimate(wish, quietWork())).toBeUndefined()
    expect(await source.estimate(days('2024-01-01', '2024-03-01'), quietWork())).toBe(2)
    return [fingerprint, (await fetched(source, days('2024-02-05', '2024-02-06'))).fingerprint]
  }
  const [january, february] = await ask(false)
  expect(january).not.toBe(february)
  expect(await ask(false)).toEqual([january, february])
  const [touched, same] = await ask(true)
  expect(touched).not.toBe(january)
  expect(same).toBe(february)
})

test('columns in another order, another delimiter: sorted by name, and originals can be read behind the first header', async () => {
  await using around = surroundings()
  const put = (name: string, content: string) => writeFileSync(join(around.folder, name), content)
  put('a.csv', 'id,name\n1,"a, b"\n')
  put('b.csv', 'name;id\n"say ""c;"", d";2\n;3\ntoo;many;fields\n')
  await using source = await openSource({ path: '?.csv' }, around)
  const found = await fetched(source, { window: undefined, parameters: {} })
  expect(
    found.records.map(({ fields, original, problem }) => [problem?.kind ?? fields, `${original}`]),
  ).toEqual([
    [['1', 'a, b'], '1,"a, b"'],
    [['2', 'say "c;", d'], '2,"say ""c;"", d"'],
    [['3', null], '3,'],
    ['columns', 'too;many;fields'],
  ])
  expect(found.batches.map(({ raw }) => raw !== undefined)).toEqual([true, false])
})

test('files that do not go together are refused by name', async () => {
  await using around = surroundings()
  const put = (name: string, content: string) => writeFileSync(join(around.folder, name), content)
  put('a.csv', 'id,name\n1,a\n')
  put('b.csv', 'id,title\n1,a\n')
  put('b.ndjson', '{"id":1}\n')
  const error = async (path: string) => {
    await using source = await openSource({ path }, around)
    return await fetched(source, { window: undefined, parameters: {} }).catch((thrown) => thrown)
  }
  expect(await error('?.csv')).toMatchObject({
    code: 'INPUT_BROKEN',
    message:
      'the files of one window have different columns: b.csv lacks name and has title, other than a.csv',
  })
  expect(await error('{a.csv,b.ndjson}')).toMatchObject({
    code: 'INPUT_BROKEN',
    message: 'a.csv is csv and b.ndjson is ndjson: the files of one window must be of one format',
  })
  expect(await error('c.csv')).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching('^there is no file .*c.csv$'),
  })
  expect(await error('nowhere/*.csv')).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching('^there is no folder .*nowhere$'),
  })
  expect(around.spooled()).toEqual([])
})

test('JSON that begins to have a key later, members of zips, a file without a header', async () => {
  await using around = surroundings()
  const put = (name: string, content: string | Buffer) => writeFileSync(join(around.folder, name), content)
  put('1.ndjson', '{"id":1}\n')
  put('2.ndjson', '{"name":"b","id":2}\n')
  await using json = await openSource({ path: '*.ndjson' }, around)
  expect(await fetched(json, { window: undefined, parameters: {} })).toMatchObject({
    columns: ['id', 'name'],
    fields: [
      ['1', null],
      ['2', 'b'],
    ],
  })
  put(
    'a-2024.zip',
    zip([
      { name: 'x.csv', content: '1\n' },
      { name: 'y.csv', content: '2\n' },
      { name: 'z.txt', content: 'no' },
    ]),
  )
  const settings = { path: '{name}-{year}.zip!*.csv', header: false, columns: ['id'] }
  await using packed = await openSource(settings, around)
  expect(await fetched(packed, days('2024-01-01', '2024-02-01', { name: 'a' }))).toMatchObject({
    columns: ['id'],
    fields: [['1'], ['2']],
  })
})
