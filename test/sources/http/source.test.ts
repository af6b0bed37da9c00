import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toDwhError } from '../../../src/errors.ts'
import { packageRoot } from '../../../src/package.ts'
import { openHttp } from '../../../src/sources/http/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import {
  type Api,
  type ApiServer,
  type Asked,
  apiServer,
  type Faults,
  once,
} from '../../support/api-server.ts'
import { chronicle, hubeau, internalError, type Row, within } from '../../support/apis/hubeau.ts'
import { surroundings } from '../../support/surroundings.ts'
import { wish } from '../../support/wish.ts'
import { quietWork } from '../../support/work.ts'
import { httpSettings } from './settings.ts'

const january = wish('2024-01-01', '2024-02-01')
const everything: Wish = { window: undefined, parameters: {} }

/** Fetches all of a wish and gives its rows parsed. */
async function fetched(
  server: ApiServer,
  asked: Wish,
  more: Record<string, unknown> = {},
  environment: Record<string, string> = {},
) {
  await using around = surroundings({ environment })
  const work = quietWork()
  await using source = await openHttp(httpSettings(server.base, more), around)
  await using found = await source.fetch(asked, work)
  const { input, announced, requests, bytes } = found
  let rows: Row[] = []
  if (input) {
    await using reader = await input.open({ format: 'ndjson' })
    const texts: string[] = []
    for await (const batch of reader.batches(work))
      for (const record of batch.records()) texts.push(batch.original(record).toString())
    rows = texts.map((text) => JSON.parse(text))
  }
  return { rows, announced, requests, bytes, events: work.events }
}

async function refusal(server: ApiServer, asked: Wish, more: Record<string, unknown> = {}, environment = {}) {
  return toDwhError(
    await fetched(server, asked, more, environment).then(
      () => expect.fail('it did not fail'),
      (error) => error,
    ),
  )
}

const served = (rows: Row[], more = {}) => hubeau({ rows: (_, question) => within(rows, question), ...more })

test('pages are followed by their links; 206 says nothing, and what comes is what was there', async () => {
  const rows = chronicle('2023-12-20', 60, 10)
  await using server = await apiServer([served(rows, { size: 100 })])
  const found = await fetched(server, january)
  expect(found.rows).toEqual(within(rows, { from: '2024-01-01', to: '2024-01-31' }))
  expect(found).toMatchObject({ announced: 310, requests: 4 })
  const told = found.events.filter(({ type }) => type === 'progress')
  expect(told.at(-1)).toEqual({ type: 'progress', step: 'fetch', done: 310, total: 310, unit: 'rows' })
  expect(told).toContainEqual(expect.objectContaining({ done: 100, total: 310 }))
  expect(server.asked.map(({ url }) => url.searchParams.get('page'))).toEqual([null, '2', '3', '4'])
  expect(server.asked[0]?.url.searchParams.get('date_fin_mesure')).toBe('2024-01-31')
})

test('cursors are followed without an end of their depth', async () => {
  const rows = chronicle('2024-01-01', 31, 10).map((row) => ({ ...row, date_obs: row.date_mesure }))
  await using server = await apiServer([served(rows, { size: 7, depth: 50 })])
  const url = `${server.base}/api/v2/hydrometrie/observations_tr`
  const query = { date_debut_obs: '{from}', date_fin_obs: '{last}' }
  expect((await fetched(server, january, { url, query })).rows).toEqual(rows)
})

/** Numbered pages, offsets and cursors in the body of a POST. */
const plainApi = (rows: Row[]): Api => {
  return ({ url, body, method }) => {
    const size = 10
    const question = method === 'POST' ? JSON.parse(body) : Object.fromEntries(url.searchParams)
    switch (url.pathname) {
      case '/numbered':
        return { body: { items: rows.slice(question.p * size, (question.p + 1) * size || size) } }
      case '/offset':
        return { body: rows.slice(Number(question.skip), Number(question.skip) + size) }
      case '/cursor': {
        const start = Number(question.paging?.mark ?? 0)
        const next = start + size < rows.length ? { mark: String(start + size) } : {}
        return {
          body: {
            paging: next,
            result: { total: String(rows.length), items: rows.slice(start, start + size) },
          },
        }
      }
      default:
        return undefined
    }
  }
}

test.each([
  ['numbered', { records: 'items', pages: { by: 'page', parameter: 'p', first: 0 } }, 4],
  ['numbered', { records: 'items', pages: { by: 'page', parameter: 'p', first: 0 }, page_size: 10 }, 3],
  ['offset', { records: '.', pages: { by: 'offset', parameter: 'skip' } }, 4],
  [
    'cursor',
    {
      method: 'POST',
      body: { wanted: ['{from}'], paging: { size: 10 } },
      records: 'result.items',
      count: 'result.total',
      pages: { by: 'cursor', parameter: 'paging.mark', path: 'paging.mark' },
    },
    3,
  ],
])('%s pages', async (path, settings, requests) => {
  const rows = chronicle('2024-01-01', 25)
  const numbers: Api = (asked) => plainApi(rows)(asNumbers(asked))
  await using server = await apiServer([numbers])
  const found = await fetched(server, january, {
    count: undefined,
    query: {},
    url: `${server.base}/${path}`,
    ...settings,
  })
  expect(found.rows).toEqual(rows)
  expect(found.requests).toBe(requests)
  if (path === 'cursor')
    expect(JSON.parse(server.asked[1]?.body ?? '')).toEqual({
      wanted: ['2024-01-01'],
      paging: { size: 10, mark: '10' },
    })
})

/** Query parameters are text. */
function asNumbers(asked: Asked): Asked {
  if (asked.url.pathname !== '/numbered') return asked
  const p = Number(asked.url.searchParams.get('p'))
  return { ...asked, method: 'POST', body: JSON.stringify({ p }) }
}

test('a window with more rows than the API gives is split in halves until they fit', async () => {
  const rows = chronicle('2024-01-01', 31, 20)
  await using server = await apiServer([served(rows, { size: 50, depth: 100 })])
  const found = await fetched(server, january, { most_rows: 100 })
  expect(found.rows).toEqual(rows)
  expect(found.announced).toBe(620)
  const asked = server.asked.map(({ url }) => url.searchParams)
  expect(asked.slice(0, 2).map((one) => [one.get('date_debut_mesure'), one.get('date_fin_mesure')])).toEqual([
    ['2024-01-01', '2024-01-31'],
    ['2024-01-01', '2024-01-15'],
  ])
  // Nothing is asked beyond the depth.
  expect(Math.max(...asked.map((one) => Number(one.get('page') ?? 1) * 50))).toBe(100)
})

test('what says that it is too deep is split though nobody named a limit', async () => {
  const rows = chronicle('2024-01-01', 31, 20)
  await using server = await apiServer([served(rows, { size: 50, depth: 100 })])
  expect((await fetched(server, january)).rows).toEqual(rows)
})

test('a day that is too deep cannot be split: it is said what to narrow', async () => {
  const rows = chronicle('2024-01-01', 31, 200)
  await using server = await apiServer([served(rows, { size: 50, depth: 100 })])
  expect(await refusal(server, january, { most_rows: 100 })).toMatchObject({
    code: 'CONFIG_INVALID',
    message:
      '2024-01-01 to 2024-01-02 has 200 rows, more than the API gives of one question (100), and cannot be split further; nothing of it was loaded',
    hint: expect.stringMatching(/--param/),
  })
})

test('halves that share a day are told: the key leaves its rows out, and without one nothing is loaded', async () => {
  const rows = chronicle('2024-01-01', 31, 20)
  await using server = await apiServer([served(rows, { size: 50, depth: 400 })])
  const query = { date_debut_mesure: '{from}', date_fin_mesure: '{to}' }
  const found = await fetched(server, january, { query, most_rows: 400 })
  expect(found.rows.length).toBe(640)
  expect(found.events).toContainEqual({
    type: 'note',
    message: expect.stringMatching(/^20 rows of .* in both halves/),
  })
  expect(await refusal(server, january, { query, most_rows: 400, key: false })).toMatchObject({
    code: 'CONFIG_INVALID',
    hint: expect.stringMatching(/\{last\}/),
  })
})

const pageIs = (number: string) => (asked: Asked) => asked.url.searchParams.get('page') === number

const mended: [string, Faults][] = [
  ['500 once', once(internalError, pageIs('3'))],
  ['a page that breaks off in the middle', once({ cut: 700 }, pageIs('3'))],
  ['wrong JSON', once({ status: 200, body: '{"count":124,"data":[{"code_bss":"x"},' }, pageIs('3'))],
  ['HTML with a good status', once({ status: 200, body: '<html>Maintenance</html>' }, pageIs('2'))],
  ['an empty page in the middle', once({ body: { count: 124, next: '?page=4', data: [] } }, pageIs('3'))],
  ['another count on one page', once({ body: { count: 125, next: null, data: [] } }, pageIs('5'))],
]

test.each(mended)('%s is mended by asking again', async (_, faults) => {
  const rows = chronicle('2024-01-01', 31, 4)
  await using server = await apiServer([served(rows, { size: 25 })])
  server.faults = faults
  expect((await fetched(server, january)).rows).toEqual(rows)
})

const lies: [string, Faults, RegExp][] = [
  [
    'a count that is too great',
    (_, __, reply) => ({ body: { ...(reply.body as object), count: 130 } }),
    /announced 130 rows, and 124 came; read 3 times/,
  ],
  [
    'a count that is too small',
    (_, __, reply) => ({ body: { ...(reply.body as object), count: 120 } }),
    /announced 120 rows, and 124 came; read 3 times/,
  ],
  [
    'a count that changes',
    (request, _, reply) => ({ body: { ...(reply.body as object), count: 124 + (request % 2) } }),
    /announces 12[45] rows, and 12[45] were announced before; read 3 times/,
  ],
  [
    'a next page that is the same',
    (_, { url }, reply) => ({ body: { ...(reply.body as object), next: url.href } }),
    /named as the next page for the second time; read 3 times/,
  ],
]

test.each(lies)('%s fails with both numbers', async (_, faults, message) => {
  await using server = await apiServer([served(chronicle('2024-01-01', 31, 4), { size: 25 })])
  server.faults = faults
  expect(await refusal(server, january)).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(message),
  })
})

test('rows at another path are told with what the answer has', async () => {
  await using server = await apiServer([served(chronicle('2024-01-01', 31))])
  expect(await refusal(server, january, { records: 'result.items' })).toMatchObject({
    code: 'INPUT_BROKEN',
    message: expect.stringMatching(/has no rows at result\.items; it begins: \{"count":31,/),
    hint: expect.stringMatching(
      /`records`.*the answer has count, first, last, prev, next, api_version, data$/,
    ),
  })
  expect(await refusal(server, january, { records: 'count' })).toMatchObject({
    code: 'INPUT_BROKEN',
    message: expect.stringMatching(/no rows at count/),
  })
})

test('what is no JSON fails with its address and its beginning', async () => {
  await using server = await apiServer([served([])])
  server.faults = () => ({ status: 200, body: '<!doctype html><html><body><h1>Login</h1>\u001b[2J' })
  expect(await refusal(server, january)).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(
      /\/chroniques\?.* answered with what cannot be read: .*it begins: Login \[2J; tried 2 times/,
    ),
  })
})

test('records keep their bytes, whatever is in them', async () => {
  const text =
    '{"count":3,"next":null,\r\n "data" : [ \n {"a":"é\\u00e9 ]},{ \\"x\\\\", "n":1.10,\n "deep":[{"b":[1,2]},null]},\r\n{},{"a":"}"}\n]\n}\n'
  await using server = await apiServer([() => ({ body: text })])
  await using around = surroundings()
  const work = quietWork()
  await using source = await openHttp(httpSettings(server.base), around)
  await using found = await source.fetch(january, work)
  await using reader = await (found.input as NonNullable<typeof found.input>).open({ format: 'ndjson' })
  const originals: string[] = []
  for await (const batch of reader.batches(work))
    for (const record of batch.records()) originals.push(batch.original(record).toString())
  expect(originals).toEqual([
    '{"a":"é\\u00e9 ]},{ \\"x\\\\", "n":1.10,  "deep":[{"b":[1,2]},null]}',
    '{}',
    '{"a":"}"}',
  ])
})

test('the environment fills in headers and queries, and is shown nowhere', async () => {
  const secret = 'sesame & "thyme"'
  const rows = chronicle('2024-01-01', 31, 4)
  await using server = await apiServer([served(rows, { size: 50 })])
  const more = {
    headers: { 'X-Key': `Key \${API_KEY}` },
    query: {
      key: `\${API_KEY}`,
      date_debut_mesure: '{from}',
      date_fin_mesure: '{last}',
      network: '{network}',
    },
    parameters: { network: 12 },
  }
  const found = await fetched(server, january, more, { API_KEY: secret })
  expect(found.rows).toEqual(rows)
  expect(
    server.asked.map(({ url, headers }) => [
      url.searchParams.get('key'),
      headers['x-key'],
      url.searchParams.get('network'),
    ]),
  ).toEqual(Array(3).fill([secret, `Key ${secret}`, '12']))
  server.faults = (_, { url }) => ({ status: 400, body: `bad key ${secret} in ${url.href}` })
  const error = await refusal(server, january, more, { API_KEY: secret })
  const shown = JSON.stringify([found.events, error, error.message, error.hint])
  expect(shown).not.toMatch(/sesame|thyme/)
  expect(error.message).toMatch(/answered 400: bad key \*\*\* in/)
  expect(await refusal(server, january, more)).toMatchObject({
    code: 'CONFIG_MISSING',
    message: expect.stringMatching(/API_KEY/),
  })
})

test('a token is asked for once, renewed when it is refused, and its secret is sent to its own host alone', async () => {
  let token = 'token-1'
  const tokens: Api = ({ url, headers, body }) => {
    if (url.pathname !== '/token') return undefined
    if (headers.authorization !== `Basic ${Buffer.from('me:pass%20word').toString('base64')}`)
      return { status: 401, body: { error: 'invalid_client' } }
    return { body: { access_token: token, expires_in: 3600, token_type: 'Bearer', asked: body } }
  }
  const guarded: Api = (asked) =>
    asked.headers.authorization === `Bearer ${token}`
      ? served(chronicle('2024-01-01', 31, 4), { size: 25 })(asked)
      : { status: 401 }
  await using server = await apiServer([tokens, guarded])
  const more = {
    oauth: { token_url: `${server.base}/token`, client_id: 'me', secret_variable: 'SECRET', scope: 'read' },
  }
  server.faults = (request) => {
    if (request === 4) token = 'token-2'
    return undefined
  }
  const found = await fetched(server, january, more, { SECRET: 'pass word' })
  expect(found.rows.length).toBe(124)
  const paths = server.asked.map(({ url }) => url.pathname)
  expect(paths.filter((path) => path === '/token').length).toBe(2)
  expect(server.asked[0]?.body).toBe('grant_type=client_credentials&scope=read')
  expect(JSON.stringify(found.events)).not.toMatch(/token-[12]|pass/)
  expect(await refusal(server, january, more, { SECRET: 'wrong' })).toMatchObject({ code: 'LOGIN_REFUSED' })
})

test('a refresh token that was replaced is kept for the next time', async () => {
  const given: string[] = []
  const tokens: Api = ({ url, body }) => {
    if (url.pathname !== '/token') return undefined
    given.push(new URLSearchParams(body).get('refresh_token') ?? '')
    return { body: { access_token: 'access', refresh_token: `refresh-${given.length}` } }
  }
  await using server = await apiServer([tokens, served(chronicle('2024-01-01', 31))])
  await using around = surroundings({ environment: { SECRET: 'secret', REFRESH: 'refresh-0' } })
  const oauth = {
    token_url: `${server.base}/token`,
    client_id: 'me',
    secret_variable: 'SECRET',
    refresh_variable: 'REFRESH',
  }
  for (let time = 0; time < 2; time++) {
    await using source = await openHttp(httpSettings(server.base, { oauth }), around)
    await using found = await source.fetch(january, quietWork())
    expect(found.announced).toBe(31)
  }
  expect(given).toEqual(['refresh-0', 'refresh-1'])
})

test('the rows of a wish are counted at the cost of one request, without reading them', async () => {
  await using server = await apiServer([served(chronicle('2024-01-01', 31, 100), { size: 5000 })])
  await using around = surroundings()
  const work = quietWork()
  await using source = await openHttp(
    httpSettings(server.base, { page_size: 5000, page_size_parameter: 'size' }),
    around,
  )
  expect(await source.estimate(january, work)).toBe(3100)
  expect(server.asked.map(({ url }) => url.searchParams.get('size'))).toEqual(['1'])
})

test('a next page on another host is not asked for', async () => {
  await using server = await apiServer([served(chronicle('2024-01-01', 31), { size: 10 })])
  server.faults = (_, __, reply) => ({
    body: { ...(reply.body as object), next: 'http://elsewhere.example/steal' },
  })
  expect(await refusal(server, january)).toMatchObject({
    code: 'INPUT_BROKEN',
    message: expect.stringMatching(/elsewhere\.example/),
  })
})

test('newest first: reading ends where the window does', async () => {
  const rows = chronicle('2023-01-01', 400, 1).toReversed()
  await using server = await apiServer([hubeau({ rows: () => rows, size: 20 })])
  const sorted = { by: 'timestamp_mesure', order: 'newest_first' }
  const found = await fetched(server, january, { sorted })
  expect(found.announced).toBeUndefined()
  expect(found.rows.map(({ date_mesure }) => date_mesure)).toContain('2024-01-01')
  expect(server.asked.length).toBe(2)
})

test('a dataset without windows asks for all there is; an object instead of an array is one row', async () => {
  const api: Api = () => ({ body: { REFERENTIELS: { Referentiel: { Parametre: { CdParametre: '1340' } } } } })
  await using server = await apiServer([api])
  const records = 'REFERENTIELS.Referentiel.Parametre'
  const more = { query: {}, count: undefined, pages: undefined, records }
  expect((await fetched(server, everything, more)).rows).toEqual([{ CdParametre: '1340' }])
})

const samples = join(packageRoot, '../shared/data/hubeau/api')

test('answers that Hub’Eau has given', async ({ skip }) => {
  skip(!existsSync(samples), 'there is no ../shared/data')
  const answerOf = (name: string) =>
    readFileSync(join(samples, name), 'utf8').replaceAll(/https:\/\/hubeau\.eaufrance\.fr\/api/g, server.base)
  await using server = await apiServer([
    ({ url }) => {
      const page = url.searchParams.get('page') ?? '1'
      const name =
        page === '1'
          ? 'temperature_chronique_01001336_p1_206.json'
          : 'temperature_chronique_01001336_p5_206_last.json'
      return { status: 206, body: answerOf(name) }
    },
  ])
  // Two of its five pages are there.
  expect(await refusal(server, january)).toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(/announced 85 rows, and 25 came/),
  })
  const found = await fetched(server, january, { count: undefined })
  expect(found.rows.length).toBe(25)
  expect(found.rows[0]).toMatchObject({ code_station: '01001336', resultat: 14.4329996109009 })
})
