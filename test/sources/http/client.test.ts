import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HttpClient, type Polite, textOf } from '../../../src/sources/http/client.ts'
import { download } from '../../../src/sources/http/download.ts'
import { type Api, apiServer, once } from '../../support/api-server.ts'
import { surroundings } from '../../support/surroundings.ts'
import { quietWork } from '../../support/work.ts'

const polite: Polite = { concurrency: 2, retries: 2, timeout: { amount: 1, unit: 'second' } }

/** A text, and a file that is the same as long as nobody changes it. */
const files = (contents: Record<string, string | Buffer>): Api => {
  return ({ url }) => {
    const body = contents[url.pathname]
    return body === undefined ? undefined : { body }
  }
}

const text = 'àéî'.repeat(1000)

test('an answer is unpacked, and said in an event whose address holds no secret', async () => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings({ environment: { API_KEY: 's3cret value' } })
  const work = quietWork()
  const client = new HttpClient(polite, around)
  const wish = { window: undefined, parameters: { what: 'a b' } }
  const url = client.secrets.fill(`${server.base}/text?what={what}&k=\${API_KEY}`, wish, encodeURIComponent)
  expect(await client.text({ url }, work)).toBe(text)
  expect(server.asked[0]?.url.searchParams.get('k')).toBe('s3cret value')
  expect(server.asked[0]?.headers['accept-encoding']).toBe('gzip, deflate, br')
  const shown = `${server.base}/text?what=a%20b&k=***`
  expect(work.events).toEqual([
    {
      type: 'request',
      host: server.host,
      url: shown,
      status: 200,
      bytes: Buffer.byteLength(text),
      milliseconds: expect.any(Number),
      attempt: 1,
    },
  ])
})

test.each([
  [
    '500',
    { status: 500, body: { code: 'Internal server error', message: '' } },
    /answered 500: .*Internal server error/,
  ],
  [
    '503 in HTML',
    { status: 503, body: '<html><head><title>x</title></head><h1>Service\n unavailable</h1>' },
    /answered 503: Service unavailable$/,
  ],
  ['a cut in the middle', { cut: 30 }, /other side closed|terminated|aborted/],
  ['a broken connection', { drop: true as const }, /other side closed|ECONNRESET|socket hang up/],
  ['silence', { silent: true as const }, /has been silent for 1 seconds/],
])('%s is tried again', async (_, fault, problem) => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  const work = quietWork()
  server.faults = once(fault)
  expect(await new HttpClient(polite, around).text({ url: `${server.base}/text` }, work)).toBe(text)
  expect(work.events).toMatchObject([
    { type: 'request', attempt: 1, problem: expect.stringMatching(problem) },
    { type: 'wait', host: server.host, reason: expect.stringMatching(problem) },
    { type: 'request', attempt: 2, status: 200 },
  ])
})

test('a host that keeps failing is given up after the tries, in one error', async () => {
  await using server = await apiServer([files({})])
  await using around = surroundings()
  server.faults = () => ({ status: 502, body: 'bad gateway' })
  await expect(
    new HttpClient({ ...polite, retries: 1 }, around).text({ url: `${server.base}/x` }, quietWork()),
  ).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    message: `${server.base}/x answered 502: bad gateway; tried 2 times, and nothing of it was loaded`,
  })
  expect(server.asked.length).toBe(2)
})

test('what asking again does not mend is asked once', async () => {
  await using server = await apiServer([files({})])
  await using around = surroundings()
  const client = new HttpClient(polite, around)
  await expect(client.text({ url: `${server.base}/x` }, quietWork())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    status: 404,
    message: expect.stringMatching(/answered 404: .*no such path \/x/),
  })
  await expect(client.text({ url: 'file:///etc/passwd' }, quietWork())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  expect(server.asked.length).toBe(1)
})

test.each([
  ['in seconds', { 'retry-after': '17' }, 17],
  [
    'as a date',
    { 'retry-after': 'Sun, 22 Nov 2026 10:00:30 GMT', date: 'Sun, 22 Nov 2026 10:00:00 GMT' },
    30,
  ],
  ['for years', { 'retry-after': '99999999' }, 3600],
])('Retry-After %s holds the host for all, and costs no try', async (_, headers, seconds) => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  server.faults = (request) => (request <= 3 ? { status: 429, headers } : undefined)
  expect(
    await new HttpClient({ ...polite, retries: 0 }, around).text({ url: `${server.base}/text` }, quietWork()),
  ).toBe(text)
  expect(around.holds).toMatchObject(Array(3).fill({ host: server.host, seconds }))
})

test('a redirect is followed, but not with credentials to another host', async () => {
  await using other = await apiServer([files({ '/text': text })])
  await using server = await apiServer([
    ({ url }) => (url.pathname === '/here' ? { status: 302, headers: { location: '/there' } } : undefined),
    ({ url }) =>
      url.pathname === '/there' ? { status: 307, headers: { location: `${other.base}/text` } } : undefined,
    ({ url }) => (url.pathname === '/round' ? { status: 301, headers: { location: '/round' } } : undefined),
  ])
  await using around = surroundings()
  const client = new HttpClient(polite, around)
  const headers = { authorization: 'Bearer x', 'x-api-key': 'x', accept: 'application/json' }
  expect(await client.text({ url: `${server.base}/here`, headers }, quietWork())).toBe(text)
  expect(server.asked[1]?.headers).toMatchObject(headers)
  expect(other.asked[0]?.headers.accept).toBe('application/json')
  expect(other.asked[0]?.headers).not.toHaveProperty('authorization')
  expect(other.asked[0]?.headers).not.toHaveProperty('x-api-key')
  await expect(
    client.text({ url: `${server.base}/there`, method: 'POST', body: 'secret' }, quietWork()),
  ).rejects.toThrow(/the body of a POST is not sent/)
  await expect(client.text({ url: `${server.base}/round` }, quietWork())).rejects.toThrow(
    /more than 5 other addresses/,
  )
})

test('an answer without end is not taken', async () => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  await expect(
    new HttpClient(polite, around).text({ url: `${server.base}/text` }, quietWork(), 1000),
  ).rejects.toThrow(/answers with more than 1000 bytes/)
})

test('an abort ends a request, and the pause before another try, at once', async () => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  server.faults = () => ({ silent: true })
  const work = quietWork()
  const asking = new HttpClient({ ...polite, timeout: undefined }, around).text(
    { url: `${server.base}/text` },
    work,
  )
  setTimeout(work.interrupt, 50)
  await expect(asking).rejects.toMatchObject({ code: 'INTERRUPTED' })
})

test('a download is kept, and fetched again only when it has changed', async () => {
  const contents = { '/a.zip': Buffer.alloc(300_000, 1) }
  await using server = await apiServer([files(contents)])
  await using around = surroundings()
  const client = new HttpClient(polite, around)
  const fetched = () => download(client, `${server.base}/a.zip`, around.cacheFolder, quietWork())
  const first = await fetched()
  expect(readFileSync(first.path).equals(contents['/a.zip'])).toBe(true)
  expect(first).toMatchObject({ bytes: 300_000, unchanged: false, etag: expect.stringMatching(/^"/) })
  expect(await fetched()).toEqual({ ...first, unchanged: true })
  contents['/a.zip'] = Buffer.alloc(200_000, 2)
  const second = await fetched()
  expect(second).toMatchObject({ bytes: 200_000, unchanged: false })
  // Whoever reads the former one goes on.
  expect(readFileSync(first.path).length).toBe(300_000)
  writeFileSync(second.path, 'damaged')
  expect(await fetched()).toMatchObject({ bytes: 200_000, unchanged: false })
})

test('a download that breaks off is resumed, by the next process too, unless the file has changed meanwhile', async () => {
  const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251))
  const contents = { '/a.zip': body }
  await using server = await apiServer([files(contents)])
  await using around = surroundings()
  const client = new HttpClient({ ...polite, retries: 0 }, around)
  const fetched = () => download(client, `${server.base}/a.zip`, around.cacheFolder, quietWork())
  server.faults = (request) => (request <= 2 ? { cut: 80_000 } : undefined)
  for (let time = 0; time < 2; time++)
    await expect(fetched()).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
  const { path } = await fetched()
  expect(readFileSync(path).equals(body)).toBe(true)
  expect(server.asked.map(({ headers }) => headers.range)).toEqual([
    undefined,
    'bytes=80000-',
    'bytes=160000-',
  ])

  contents['/a.zip'] = Buffer.alloc(100_000, 7)
  server.faults = (request) => (request === 4 ? { cut: 50_000 } : undefined)
  await expect(fetched()).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
  contents['/a.zip'] = Buffer.alloc(100_000, 8)
  expect(readFileSync((await fetched()).path).equals(contents['/a.zip'])).toBe(true)
  expect(
    readdirSync(join(path, '..'))
      .filter((name) => name.startsWith('part.'))
      .sort(),
  ).toEqual(['part.json'])
})

test('a file that was announced longer than it came is not taken', async () => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  const client = new HttpClient(polite, around)
  const seen: number[] = []
  server.faults = once({ cut: 500 })
  await client.request(
    { url: `${server.base}/text`, headers: { 'accept-encoding': 'identity' } },
    quietWork(),
    async ({ body }) => {
      seen.push(0)
      seen[seen.length - 1] = (await textOf(body)).length
    },
  )
  expect(seen).toEqual([0, text.length])
})

test('a storm of 429 is waited out by all, fifty times at the most', async () => {
  await using server = await apiServer([files({ '/text': text })])
  await using around = surroundings()
  const client = new HttpClient({ ...polite, retries: 0 }, around)
  const ask = () => client.text({ url: `${server.base}/text` }, quietWork())
  server.faults = (request) => (request <= 40 ? { status: 429, headers: { 'retry-after': '0' } } : undefined)
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([text, text, text])
  expect(server.asked).toHaveLength(43)
  server.faults = () => ({ status: 429, headers: { 'retry-after': '0' }, body: 'later' })
  server.asked.length = 0
  await expect(ask()).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(/answered 429: later; tried \d+ times, and nothing of it was loaded$/),
  })
  expect(server.asked.length).toBeGreaterThan(49)
  expect(server.asked.length).toBeLessThan(53)
})
