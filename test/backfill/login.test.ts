import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { type Api, apiServer } from '../support/api-server.ts'
import { chronicle, hubeau, within } from '../support/apis/hubeau.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { place } from '../support/place.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)

/** Gives out access tokens that end after so many answers, each for the last refresh token, which it replaces. */
function guarded(rows: Record<string, unknown>[], answers: number, rightSecret: string) {
  const state = { refresh: 'refresh-0', access: '', left: 0, given: 0, refused: 0 }
  const levels = hubeau({ rows: (_, question) => within(rows, question), size: 100 })
  const api: Api = (asked) => {
    if (asked.url.pathname !== '/token') {
      if (asked.headers.authorization !== `Bearer ${state.access}` || state.left === 0) {
        state.refused += 1
        return { status: 401, body: `token ${asked.headers.authorization} has ended` }
      }
      state.left -= 1
      return levels(asked)
    }
    const form = new URLSearchParams(asked.body)
    // What it says repeats what it was sent.
    if (form.get('client_secret') !== rightSecret)
      return { status: 401, body: { error: 'invalid_client', secret: form.get('client_secret') } }
    if (form.get('refresh_token') !== state.refresh) return { status: 400, body: { error: 'invalid_grant' } }
    state.given += 1
    state.access = `access-token-${state.given}`
    state.refresh = `refresh-${state.given}`
    state.left = answers
    return { body: { access_token: state.access, refresh_token: state.refresh, expires_in: 3600 } }
  }
  return { api, state }
}

test('tokens that end in the middle of windows are renewed, by the next process too; a wrong secret is one error without it', async () => {
  const rows = chronicle('2024-01-01', 91, 10)
  const { api, state } = guarded(rows, 5, 'open sesame')
  await using played = await apiServer([api])
  await using home = place()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await ensureLedger(session, quietWork())
  await session.run(
    'CREATE TABLE public.measure (ts timestamptz PRIMARY KEY, value numeric) PARTITION BY RANGE (ts)',
  )
  using warehouse = testWarehouse({
    datasets: {
      measure: {
        target: 'public.measure',
        key: 'ts',
        map: { ts: 'to_timestamp(timestamp_mesure::bigint / 1000.0)', value: 'niveau_nappe_eau' },
        partition: { key: 'ts', kind: 'timestamptz', grain: 'month', from: '2024-01', premake: 0 },
        sources: {
          piezo: {
            kind: 'http',
            url: `${played.base}/api/v1/niveaux_nappes/chroniques`,
            query: { date_debut_mesure: '{from}', date_fin_mesure: '{last}' },
            count: 'count',
            pages: { by: 'next_link' },
            oauth: {
              token_url: `${played.base}/token`,
              client_id: 'warehouse',
              secret_variable: 'API_SECRET',
              refresh_variable: 'API_REFRESH',
              secret_in: 'body',
            },
          },
        },
      },
    },
  })
  const { cwd, env } = warehouse.at(database.target)
  const at = (secret: string) => ({
    cwd,
    env: { ...env, ...home.env, API_SECRET: secret, API_REFRESH: 'refresh-0' },
  })
  const words = ['backfill', 'run', '--dataset', 'measure', '--parallel', '1', '--yes', '--verbose']

  const two = await dwh([...words, '--from', '2024-01-01', '--to', '2024-03-01'], at('open sesame'))
  expect(two).toMatchObject({ code: 0, stderr: says(/2 of 2 windows done; 600 rows/) })
  // Four pages of January and three of February: a token that has ended is found out by its refusal. The plan has one of its own.
  expect(state.refused).toBe(1)
  expect(state.given).toBe(3)
  const before = state.given
  const one = await dwh([...words, '--month', '2024-03'], at('open sesame'))
  expect(one).toMatchObject({ code: 0, stderr: says(/1 of 1 windows? done; 310 rows/) })
  // The environment still names the first refresh token, which the host has replaced.
  expect(state.given).toBeGreaterThan(before)
  expect(await session.one('SELECT count(*)::int AS n FROM public.measure')).toEqual({ n: 910 })

  const asked = played.asked.length
  state.left = 0
  const wrong = await dwh([...words, '--month', '2024-01', '--all-windows'], at('close sesame'))
  expect(wrong).toMatchObject({
    code: 3,
    stderr: says(
      /\nerror LOGIN_REFUSED sources: measure\/piezo: http\S+\/token answered 401: .*invalid_client.*\*\*\*.*\nhint .*oauth.*/,
    ),
  })
  expect(wrong.stderr.match(/^error /gm)).toHaveLength(1)
  // The host is not asked again and again with it: once by the plan, which says so, and once by the run.
  expect(played.asked.length - asked).toBeLessThanOrEqual(4)
  expect(await session.one('SELECT count(*)::int AS n FROM public.measure')).toEqual({ n: 910 })

  const secrets = /(open|close).?(%20)?sesame|access-token-\d|refresh-\d/
  for (const { stdout, stderr } of [two, one, wrong]) expect(`${stdout}${stderr}`).not.toMatch(secrets)
  const { ledger } = await session.one<{ ledger: string }>(
    `SELECT concat(query_to_xml('SELECT * FROM dwh.runs', true, false, ''), query_to_xml('SELECT * FROM dwh.chunks', true, false, ''),
                   query_to_xml('SELECT * FROM dwh.hosts', true, false, '')) AS ledger`,
  )
  expect(ledger).not.toMatch(secrets)
  const files = readdirSync(join(home.env.DWH_STATE_DIR, 'logs'), { recursive: true, withFileTypes: true })
  const logs = files.filter((file) => file.isFile())
  expect(logs).toHaveLength(2)
  for (const { parentPath, name } of logs)
    expect(readFileSync(join(parentPath, name), 'utf8')).not.toMatch(secrets)
})
