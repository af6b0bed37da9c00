import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { type ApiServer, apiServer, type Faults } from '../support/api-server.ts'
import { chronicle, hubeau, internalError, within } from '../support/apis/hubeau.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { place } from '../support/place.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)
const secret = 'open sesame'

const table = `
  CREATE TABLE public.measure (station_code text, ts timestamptz, value numeric, UNIQUE (station_code, ts))
  PARTITION BY RANGE (ts)`

/** Levels of one station by an API that asks for a key. */
function levels(api: ApiServer) {
  return testWarehouse({
    datasets: {
      measure: {
        target: 'public.measure',
        key: ['station_code', 'ts'],
        map: {
          station_code: 'code_bss',
          ts: 'to_timestamp(timestamp_mesure::bigint / 1000.0)',
          value: 'niveau_nappe_eau',
        },
        partition: { key: 'ts', kind: 'timestamptz', grain: 'month', from: '2024-01', premake: 0 },
        sources: {
          piezo: {
            kind: 'http',
            url: `${api.base}/api/v1/niveaux_nappes/chroniques`,
            query: { date_debut_mesure: '{from}', date_fin_mesure: '{last}', key: `\${API_KEY}` },
            count: 'count',
            pages: { by: 'next_link' },
            most_rows: 300,
            per_minute: 6000,
            retries: 2,
          },
        },
      },
    },
  })
}

async function sums(session: Session) {
  return session.one('SELECT count(*)::int AS rows, sum(value)::text AS sum FROM public.measure')
}

/** Each of some requests goes wrong in a way of its own. */
const everything: Faults = (request, _, reply) =>
  ({
    2: internalError,
    5: { status: 429, headers: { 'retry-after': '1' }, body: `slow down, ${secret}` },
    9: { cut: 300 },
    14: { status: 200, body: '<html>Maintenance</html>' },
    20: { body: { ...(reply.body as object), count: 7 } },
    25: { drop: true as const },
  })[request]

test('half a year comes whole from an API that fails in every way, politely, and its key is written nowhere', async () => {
  const rows = chronicle('2024-01-01', 182, 10)
  await using api = await apiServer([
    hubeau({ rows: (_, question) => within(rows, question), size: 100, depth: 300 }),
  ])
  api.faults = everything
  await using home = place()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(table)
  using warehouse = levels(api)
  const { cwd, env } = warehouse.at(database.target)
  const at = { cwd, env: { ...env, ...home.env, API_KEY: secret } }
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({ code: 0 })
  const words = ['backfill', 'run', '--dataset', 'measure', '--from', '2024-01-01', '--to', '2024-07-01']
  const done = await dwh([...words, '--parallel', '2', '--yes', '--json', '--verbose'], at)

  expect(done).toMatchObject({ code: 0, stderr: like(/answered 429: slow down, \*\*\*/) })
  const sum = rows.reduce((total, row) => total + Math.round(Number(row.niveau_nappe_eau) * 100), 0) / 100
  expect(await sums(session)).toEqual({ rows: 1820, sum: sum.toFixed(2) })
  const { windows } = JSON.parse(done.stdout)
  expect(windows).toHaveLength(6)
  // 310 rows of a month of 31 days are more than the API gives of one question.
  expect(windows[0]).toMatchObject({
    figures: { records: 310, announced: 310, inserted: 310, duplicates: 0 },
  })
  // The plan asks too.
  expect(await session.one('SELECT host, held_why, requests FROM dwh.hosts')).toEqual({
    host: api.host,
    held_why: like(/answered 429: slow down, \*\*\*$/),
    requests: api.asked.length,
  })
  expect(api.most).toBeLessThanOrEqual(2)
  expect(api.asked.every(({ url }) => url.searchParams.get('key') === secret)).toBe(true)

  expect(`${done.stdout}${done.stderr}`).not.toMatch(/open.?(%20)?sesame/)
  const { ledger } = await session.one<{ ledger: string }>(
    `SELECT concat(query_to_xml('SELECT * FROM dwh.runs', true, false, ''), query_to_xml('SELECT * FROM dwh.chunks', true, false, ''),
                   query_to_xml('SELECT * FROM dwh.events', true, false, ''), query_to_xml('SELECT * FROM dwh.loads', true, false, '')) AS ledger`,
  )
  expect(ledger).toMatch(/2024-06-01/)
  expect(ledger).not.toMatch(/open.?(%20)?sesame/)
  const state = home.env.DWH_STATE_DIR
  const logs = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { parentPath, name } of logs)
    expect(readFileSync(join(parentPath, name), 'utf8')).not.toMatch(/open.?(%20)?sesame/)
  expect(readdirSync(join(state, 'spool'))).toEqual([])
})

test('a month that the API counts wrong is left out, with both numbers, and comes when the API is mended', async () => {
  const rows = chronicle('2024-01-01', 91, 3)
  await using api = await apiServer([hubeau({ rows: (_, question) => within(rows, question), size: 50 })])
  api.faults = (_, { url }, reply) =>
    url.searchParams.get('date_debut_mesure') === '2024-02-01'
      ? { body: { ...(reply.body as object), count: 90 } }
      : undefined
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(table)
  using warehouse = levels(api)
  const { cwd, env } = warehouse.at(database.target)
  const at = { cwd, env: { ...env, API_KEY: secret } }
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({ code: 0 })
  const words = [
    'backfill',
    'run',
    '--dataset',
    'measure',
    '--quarter',
    '2024-Q1',
    '--retries',
    '0',
    '--yes',
    '--json',
  ]
  const first = await dwh(words, at)
  expect(first).toMatchObject({
    code: 5,
    stderr: like(
      /2024-02-01 to 2024-03-01: .*SOURCE_FAILED .*announced 90 rows, and 87 came; read 3 times, and nothing of it was loaded/,
    ),
  })
  expect(JSON.parse(first.stdout)).toMatchObject({ done: 2, failed: 1 })
  expect(await sums(session)).toMatchObject({ rows: 186 })

  api.faults = () => undefined
  const { backfill } = JSON.parse(first.stdout)
  const again = await dwh(['backfill', 'retry', String(backfill), '--yes'], at)
  expect(again).toMatchObject({ code: 0 })
  expect(await sums(session)).toMatchObject({ rows: 273 })
})

test('what an API refuses of one window fails that window alone', async () => {
  const rows = chronicle('2024-01-01', 91, 2)
  await using api = await apiServer([hubeau({ rows: (_, question) => within(rows, question) })])
  api.faults = (_, { url }) =>
    url.searchParams.get('date_debut_mesure') === '2024-02-01'
      ? { status: 404, body: 'no such month' }
      : undefined
  await using home = place()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(table)
  using warehouse = levels(api)
  const { cwd, env } = warehouse.at(database.target)
  const at = { cwd, env: { ...env, ...home.env, API_KEY: secret } }
  const words = ['backfill', 'run', '--dataset', 'measure', '--quarter', '2024-Q1', '--yes', '--json']
  const done = await dwh(words, at)
  expect(done).toMatchObject({
    code: 5,
    stderr: like(/2024-02-01 to 2024-03-01: attempt 1 of 4, failed: CONFIG_INVALID .*answered 404/),
  })
  expect(JSON.parse(done.stdout)).toMatchObject({
    chunks: 3,
    done: 2,
    failed: 1,
    windows: [{}, { state: 'failed' }, {}],
  })

  // An API that is gone is told by the plan, not by every window of it.
  api.faults = () => ({ drop: true })
  const gone = ['backfill', 'run', '--dataset', 'measure', '--month', '2024-05', '--yes']
  expect(await dwh(gone, at)).toMatchObject({
    code: 1,
    stderr: like(
      /✗ sources: measure\/piezo: 127\.0\.0\.1:\d+ cannot be reached: [\s\S]*error SOURCE_FAILED .*; nothing was changed/,
    ),
  })
  expect(await session.one('SELECT count(*)::int AS backfills FROM dwh.backfills')).toEqual({ backfills: 1 })
})
