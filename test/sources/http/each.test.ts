import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toDwhError } from '../../../src/errors.ts'
import type { QueryValues } from '../../../src/sources/http/each.ts'
import { openHttp } from '../../../src/sources/http/source.ts'
import type { Source } from '../../../src/sources/source.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { type ApiServer, apiServer } from '../../support/api-server.ts'
import { chronicle, hubeau, ofStations, type Row, within } from '../../support/apis/hubeau.ts'
import { surroundings, type TestSurroundings } from '../../support/surroundings.ts'
import { wish } from '../../support/wish.ts'
import { quietWork } from '../../support/work.ts'
import { httpSettings } from './settings.ts'

const january = wish('2024-01-01', '2024-02-01')
const five = ['S1', 'S2', 'S3', 'S4', 'S5']
const query = { code_bss: '{code}', date_debut_mesure: '{from}', date_fin_mesure: '{last}' }

/** An API that knows some stations, `perDay` rows of each a day. */
async function levels(stations: string[], options: { depth?: number; size?: number; perDay?: number } = {}) {
  const { perDay = 1, ...more } = options
  const rows = stations.flatMap((station) => chronicle('2024-01-01', 31, perDay, station))
  const api = hubeau({ rows: (_, question) => within(ofStations(rows, question), question), ...more })
  return Object.assign(await apiServer([api]), { rows })
}

const codesAsked = ({ asked }: ApiServer) => asked.map(({ url }) => url.searchParams.get('code_bss'))

/** Opens a source for each of some values, and does something with it. */
async function opened<T>(
  base: string,
  for_each: Record<string, unknown>,
  use: (source: Source, around: TestSurroundings) => Promise<T>,
  { settings = {}, values }: { settings?: Record<string, unknown>; values?: QueryValues } = {},
): Promise<T> {
  await using around = surroundings()
  writeFileSync(join(around.folder, 'codes.txt'), '\uFEFF# live ones\nS1\r\n\n S2 \nS1\n')
  writeFileSync(join(around.folder, 'none.txt'), '# nobody\n\n')
  const all = httpSettings(base, { query, ...settings, for_each: { parameter: 'code', ...for_each } })
  await using source = await openHttp(all, around, values)
  return await use(source, around)
}

const work = quietWork()

async function read(source: Source, asked = january) {
  const quiet = quietWork()
  await using found = await source.fetch(asked, quiet)
  let rows: Row[] = []
  if (found.input) {
    await using reader = await found.input.open({ format: 'ndjson' })
    for await (const batch of reader.batches(quiet))
      rows = rows.concat([...batch.records()].map((record) => JSON.parse(batch.original(record).toString())))
  }
  return { rows, announced: found.announced, requests: found.requests, events: quiet.events }
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => toDwhError(error),
  )

test('the values of a list are asked for some at a time, and what is announced is the sum', async () => {
  await using server = await levels(five)
  await opened(server.base, { list: [...five, 'S1'], batch: 2 }, async (source) => {
    const found = await read(source)
    expect(found).toMatchObject({ rows: server.rows, announced: 155, requests: 3 })
    expect(codesAsked(server)).toEqual(['S1,S2', 'S3,S4', 'S5'])
    expect(found.events.filter(({ type }) => type === 'progress').at(-1)).toMatchObject({
      ...{ step: 'fetch', done: 5, total: 5, unit: 'values' },
    })
    // Those that somebody names come instead.
    expect((await read(source, { ...january, parameters: { code: 'S5,S2, S5' } })).rows).toHaveLength(62)
    expect(codesAsked(server).at(-1)).toBe('S5,S2')
  })
})

test('a file has one value a line; one value a question goes into the path of an address', async () => {
  await using server = await levels(five)
  await opened(server.base, { file: 'codes.txt', batch: 50 }, async (source) => {
    expect((await read(source)).rows).toHaveLength(62)
    expect(codesAsked(server)).toEqual(['S1,S2'])
  })
  const paths: string[] = []
  await using one = await apiServer([
    ({ url }) => {
      paths.push(url.pathname)
      return { body: { count: 1, data: [{ at: url.pathname }] } }
    },
  ])
  const settings = { url: `${one.base}/of/{code}/levels`, query: {} }
  const found = await opened(one.base, { list: ['a/b', 'c é'] }, (source) => read(source), { settings })
  expect(found.rows).toHaveLength(2)
  expect(paths).toEqual(['/of/a%2Fb/levels', '/of/c%20%C3%A9/levels'])
})

test('what is too deep is asked with fewer values, and one value by halves of the window', async () => {
  await using server = await levels(five, { perDay: 20, depth: 800, size: 200 })
  const settings = { most_rows: 800 }
  await opened(
    server.base,
    { list: five.slice(0, 4), batch: 4 },
    async (source) => {
      const found = await read(source)
      expect(found.announced).toBe(4 * 620)
      expect(new Set(found.rows.map((row) => JSON.stringify(row))).size).toBe(4 * 620)
      expect(found.events).toContainEqual({
        type: 'note',
        message:
          '2024-01-01 to 2024-02-01 of 4 values of code has 2480 rows, more than the API gives of one question: it is asked in halves',
      })
    },
    { settings },
  )
  expect([...new Set(codesAsked(server))]).toEqual(['S1,S2,S3,S4', 'S1,S2', 'S1', 'S2', 'S3,S4', 'S3', 'S4'])
  await using deeper = await levels(['S1'], { perDay: 20, depth: 400, size: 200 })
  await opened(
    deeper.base,
    { list: ['S1', 'S2'], batch: 2 },
    async (source) => {
      expect((await read(source)).rows).toHaveLength(620)
      const asked = deeper.asked.map(({ url: { searchParams: of } }) => [
        of.get('code_bss'),
        of.get('date_fin_mesure'),
      ])
      expect(asked).toContainEqual(['S1', '2024-01-15'])
    },
    { settings: { most_rows: 400 } },
  )
})

test('too_deep: all at once as long as they fit, else in parts that must hold as many rows as the whole', async () => {
  const settings = { most_rows: 800 }
  const list = { list: five, batch: 2, when: 'too_deep' }
  await using small = await levels(five)
  await opened(small.base, list, async (source) => expect((await read(source)).rows).toHaveLength(155), {
    settings,
  })
  expect(codesAsked(small)).toEqual([null])

  await using large = await levels(five, { perDay: 10, depth: 800, size: 200 })
  const found = await opened(large.base, list, (source) => read(source), { settings })
  expect(found).toMatchObject({ announced: 1550 })
  expect(new Set(codesAsked(large))).toEqual(new Set([null, 'S1,S2', 'S3,S4', 'S5']))

  // A station that the list does not have would be missing.
  await using more = await levels([...five, 'S6'], { perDay: 10, depth: 800, size: 200 })
  const error = await opened(more.base, list, (source) => refusal(read(source)), { settings })
  expect(error).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(
      /the 3 parts of 2024-01-01 to 2024-02-01 hold 1550 rows, but the API announced 1860/,
    ),
    hint: expect.stringMatching(/complete its values/),
  })
})

test('a value that is refused is named, and an address that is too long is asked in parts', async () => {
  await using server = await levels(five)
  server.faults = (_, { url }) =>
    url.searchParams.get('code_bss')?.includes('S4') ? { status: 400, body: 'no such station' } : undefined
  const error = await opened(server.base, { list: five, batch: 5 }, (source) => refusal(read(source)))
  expect(error).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/^code=S4: .*answered 400: no such station$/),
  })
  server.faults = (_, { url }) =>
    (url.searchParams.get('code_bss')?.length ?? 0) > 6 ? { status: 414 } : undefined
  const found = await opened(server.base, { list: five, batch: 5 }, (source) => read(source))
  expect(found).toMatchObject({ rows: server.rows, announced: 155 })
  // Asked without values it names none.
  server.faults = () => ({ status: 400, body: 'no such day' })
  const whole = { list: five, when: 'too_deep' }
  expect(await opened(server.base, whole, (source) => refusal(read(source)))).toMatchObject({
    message: expect.stringMatching(/^(?!.*values of).*answered 400: no such day$/),
  })
  // A login is not tried value by value.
  server.faults = () => ({ status: 401 })
  server.asked.length = 0
  expect((await opened(server.base, { list: five, batch: 5 }, (source) => refusal(read(source)))).code).toBe(
    'LOGIN_REFUSED',
  )
  expect(server.asked).toHaveLength(1)
})

test('a list without values asks for nothing, and one that a comma would tear is refused', async () => {
  await using server = await levels(five)
  const said = (for_each: Record<string, unknown>, values?: QueryValues) =>
    opened(server.base, for_each, (source) => refusal(read(source)), { ...(values && { values }) })
  const nothing = { read: async () => [], isByWindow: false }
  expect(await said({ file: 'none.txt' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message:
      '`for_each` has no value of code for 2024-01-01 to 2024-02-01: none.txt gives none; nothing was asked',
    hint: expect.stringMatching(/--param code=/),
  })
  expect(await said({ sql: 'SELECT 1' }, nothing)).toMatchObject({ code: 'CONFIG_INVALID' })
  // Of another window there may be some: those go on.
  expect(await said({ sql: 'SELECT 1' }, { ...nothing, isByWindow: true })).toMatchObject({
    code: 'INPUT_BROKEN',
  })
  expect(await said({ file: 'missing.txt' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/missing\.txt/),
  })
  expect(await said({ list: ['a', 'b,c'], batch: 2 })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/"b,c" of code holds ","/),
  })
  expect(server.asked).toEqual([])
})

test('ten thousand values are estimated by one request, and asked in fifty', async () => {
  const codes = Array.from({ length: 10_000 }, (_, index) => `S${index}`)
  // Those in front have none.
  await using server = await apiServer([
    ({ url }) => {
      const some =
        url.searchParams
          .get('code_bss')
          ?.split(',')
          .filter((code) => Number(code.slice(1)) >= 5000) ?? []
      return { body: { count: some.length, data: some.map((code_bss) => ({ code_bss })), next: null } }
    },
  ])
  await opened(server.base, { list: codes, batch: 200 }, async (source) => {
    expect(await source.estimate(january, work)).toBe(5000)
    expect(server.asked).toHaveLength(1)
    const found = await read(source)
    expect(found).toMatchObject({ announced: 5000, requests: 50 })
    expect(found.rows).toHaveLength(5000)
  })
})

test('the warehouse file says one of a list, a file and a query', () => {
  const parse = (for_each: Record<string, unknown>) =>
    sourceSchema.safeParse({
      kind: 'http',
      url: 'http://localhost',
      for_each: { parameter: 'code', ...for_each },
    })
  expect(parse({ sql: 'stations.sql', batch: 50 }).success).toBe(true)
  expect(parse({}).error?.issues[0]).toMatchObject({
    message: 'expected just one of `list`, `file` and `sql`',
  })
  expect(parse({ list: ['a'], file: 'x' }).success).toBe(false)
  expect(parse({ list: [] }).success).toBe(false)
  // Unquoted, 01 would be 1.
  expect(parse({ list: [1] }).success).toBe(false)
})
