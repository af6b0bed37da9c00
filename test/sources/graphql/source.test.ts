import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openGraphql } from '../../../src/sources/graphql/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import { type ApiServer, apiServer, once } from '../../support/api-server.ts'
import { type Entry, gazelle, timeline, timelineQuery } from '../../support/apis/gazelle.ts'
import { surroundings } from '../../support/surroundings.ts'
import { wish } from '../../support/wish.ts'
import { quietWork } from '../../support/work.ts'
import { graphqlSettings } from './settings.ts'

const january = wish('2024-01-01', '2024-02-01')

async function fetched(server: ApiServer, asked: Wish, more: Record<string, unknown> = {}) {
  await using around = surroundings({ environment: { SECRET: 'secret' } })
  writeFileSync(join(around.sqlFolder, 'entries.graphql'), timelineQuery)
  const work = quietWork()
  await using source = await openGraphql(graphqlSettings(server.base, more), around)
  await using found = await source.fetch(asked, work)
  const entries: Entry[] = []
  if (found.input) {
    await using reader = await found.input.open({ format: 'ndjson' })
    for await (const batch of reader.batches(work))
      for (const record of batch.records()) entries.push(JSON.parse(batch.original(record).toString()))
  }
  return { entries, announced: found.announced, requests: found.requests, events: work.events }
}

test('the query may be a file; the cursor is followed to the end, which lies behind the window', async () => {
  const entries = timeline('2024-01-01', 60, 10)
  await using server = await apiServer([gazelle(() => entries)])
  const found = await fetched(server, january, { query: 'entries.graphql' })
  expect(found).toMatchObject({ entries, announced: 600, requests: 6 })
  expect(JSON.parse(server.asked[1]?.body ?? '').variables).toEqual({
    from: '2024-01-01T00:00:00Z',
    first: 100,
    after: Buffer.from('100').toString('base64'),
  })
})

test('reading ends behind the window where the settings say how the entries are sorted', async () => {
  await using server = await apiServer([gazelle(() => timeline('2024-01-01', 600, 10))])
  const found = await fetched(server, january, { sorted: { by: 'occurredAt', order: 'oldest_first' } })
  expect(found.requests).toBe(4)
  expect(found.entries.length).toBe(400)
})

test.each([
  ['internal', { errors: [{ message: 'Internal server error' }], data: null }],
  ['throttled', { errors: [{ message: 'slow down', extensions: { code: 'THROTTLED' } }] }],
])('an error that looks %s is asked again', async (_, body) => {
  const entries = timeline('2024-01-01', 31, 10)
  await using server = await apiServer([gazelle(() => entries)])
  server.faults = once({ body })
  expect((await fetched(server, january)).entries).toEqual(entries)
})

test('other errors fail at once, whatever the status', async () => {
  await using server = await apiServer([gazelle(() => [])])
  await expect(fetched(server, january, { query: 'query { other { nodes { id } } }' })).rejects.toMatchObject(
    {
      code: 'CONFIG_INVALID',
      message: `${server.base}/graphql/private/ answered with errors: GRAPHQL_VALIDATION_FAILED: Cannot query field; nothing of it was loaded`,
    },
  )
  expect(server.asked.length).toBe(1)
})

test('errors beside data are errors: what came is not whole', async () => {
  await using server = await apiServer([gazelle(() => timeline('2024-01-01', 31, 10))])
  server.faults = (_, __, reply) => ({
    body: { ...(reply.body as object), errors: [{ message: 'piano 7 is hidden' }] },
  })
  await expect(fetched(server, january)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/piano 7 is hidden/),
  })
})

test('totalCount is compared', async () => {
  await using server = await apiServer([gazelle(() => timeline('2024-01-01', 31, 10))])
  server.faults = (_, __, reply) => ({
    body: JSON.stringify(reply.body).replace('"totalCount":310', '"totalCount":311'),
  })
  await expect(fetched(server, january)).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    message: expect.stringMatching(/announced 311 rows, and 310 came; read 3 times/),
  })
})

test('a token that ends in the middle is renewed', async () => {
  let token = 'token-1'
  const entries = timeline('2024-01-01', 31, 10)
  await using server = await apiServer([
    ({ url }) => (url.pathname === '/token' ? { body: { access_token: token, expires_in: 60 } } : undefined),
    gazelle(
      () => entries,
      () => token,
    ),
  ])
  server.faults = (request) => {
    if (request === 3) token = 'token-2'
    return undefined
  }
  const oauth = { token_url: `${server.base}/token`, client_id: 'me', secret_variable: 'SECRET' }
  expect((await fetched(server, january, { oauth })).entries).toEqual(entries)
})

test('edges are read where the query asks for them', async () => {
  const pages = [
    {
      edges: [
        { cursor: 'a', node: { id: 1, tags: [{ node: 'x' }] } },
        { cursor: 'b', node: { id: 2 } },
      ],
      pageInfo: { hasNextPage: true, endCursor: 'b' },
    },
    { edges: [], pageInfo: { hasNextPage: false, endCursor: null } },
  ]
  await using server = await apiServer([
    ({ body }) => ({ body: { data: { all: pages[JSON.parse(body).variables.after ? 1 : 0] } } }),
  ])
  const query =
    'query ($after: String) { all(after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }'
  const found = await fetched(server, january, { query, variables: {}, connection_path: 'data.all' })
  expect(found.entries).toEqual([{ id: 1, tags: [{ node: 'x' }] }, { id: 2 }])
  expect(found.announced).toBeUndefined()
})

test('a query that cannot be read is named', async () => {
  await using server = await apiServer([])
  await expect(fetched(server, january, { query: 'missing.graphql' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/missing\.graphql/),
  })
})
