import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { packageVersion } from '../../src/package.ts'
import { dwh, dwhDone, ended, startDwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const up = ['migrate', 'up', '--yes']

const files = {
  'migrations/0001_good.sql': `CREATE TABLE good (a int); DO $$ BEGIN RAISE WARNING 'mind the gap'; END $$`,
}
const bad = { ...files, 'migrations/0002_bad.sql': 'SELECT\n  nothing\n  FROM good;' }

test('a run from its beginning to its log: what it was, how it went, its events, and what only --verbose shows', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse({}, bad)
  const at = warehouse.at(database.target)
  for (const words of [['list'], ['list', '--json']]) {
    const none = await dwhDone(['runs', ...words], at)
    expect(none.stdout).toBe(words.length > 1 ? '[]\n' : '')
  }
  expect(await dwh(['runs', 'show', '1'], at)).toMatchObject({
    code: 2,
    stderr: like(/error USAGE there is no run 1\nhint +see: dwh runs list/),
  })
  expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])

  const failed = await dwh([...up, '--verbose'], at)
  expect(failed).toMatchObject({
    code: 1,
    stderr: like(
      /^ +\d+ ms {2}CREATE TABLE good[\s\S]*error MIGRATION_FAILED 0002_bad: .*\n.*0002_bad\.sql:2:3\n {4}nothing\n {4}\^/m,
    ),
  })

  const shown = JSON.parse((await dwhDone(['runs', 'show', '1', '--json'], at)).stdout)
  expect(shown).toMatchObject({
    run: 1,
    command: 'migrate up',
    words: [...up, '--verbose'],
    warehouse: 'test',
    datasets: [],
    version: packageVersion,
    host: hostname(),
    os_user: userInfo().username,
    state: 'failed',
    exit_code: 1,
    error_code: 'MIGRATION_FAILED',
    error: like(/^0002_bad: column "nothing" does not exist\n/),
    summary: null,
    events: [
      { kind: 'warning', data: { message: 'mind the gap' } },
      { kind: 'step', data: { step: 'apply test/0001_good', state: 'done', seconds: expect.any(Number) } },
    ],
  })
  expect(new Date(shown.ended_at).getTime()).toBeGreaterThanOrEqual(new Date(shown.started_at).getTime())
  expect((await dwhDone(['runs', 'show', '1'], at)).stdout).toMatch(
    /^run +1: dwh migrate up --yes --verbose\nstate +failed \(MIGRATION_FAILED\)\nwarehouse +test\nstarted +.* by \S+ on \S+, dwh \S+\ntook[\s\S]*\nerror +0002_bad[\s\S]*apply test\/0001_good/,
  )

  const log = await dwhDone(['runs', 'log', '1'], at)
  expect(log.stdout).toBe(readFileSync(shown.log_path, 'utf8'))
  expect(statSync(shown.log_path).mode & 0o777).toBe(0o600)
  const lines = log.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''))
  expect(lines[0]).toBe('run: dwh migrate up --yes --verbose')
  expect(lines).toEqual(
    expect.arrayContaining([
      'step started: apply test/0001_good',
      'warning: mind the gap',
      like(/^sql [\d.]+ ms: CREATE TABLE good \(a int\)/),
      like(/^step done: apply test\/0001_good in [\d.]+ s$/),
      like(/^sql [\d.]+ ms: SELECT nothing FROM good;$/),
      like(/^run: MIGRATION_FAILED: 0002_bad: column "nothing" does not exist/),
    ]),
  )
})

test('states are derived: ok, failed, interrupted, running, and died once the process is gone', async () => {
  await using database = await freshDatabase(server)
  await using holder = await database.open()
  using warehouse = testWarehouse({}, files)
  const at = warehouse.at(database.target)
  await dwhDone(up, at)
  const slow = testWarehouse(
    {},
    { ...files, 'migrations/0002_slow.sql': 'LOCK TABLE good; SELECT pg_sleep(600)' },
  )
  const sleeping = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
  const states = async () =>
    (await holder.rows<{ state: string }>('SELECT state FROM dwh.run_states ORDER BY run')).map(
      ({ state }) => state,
    )

  const interrupted = startDwh(up, slow.at(database.target))
  const result = ended(interrupted)
  await until(holder, sleeping)
  expect(await states()).toEqual(['ok', 'running'])
  interrupted.kill('SIGINT')
  expect(await result).toMatchObject({
    code: 130,
    stderr: like(/stopping: [\s\S]*error INTERRUPTED [\s\S]*hint .*resumes/),
  })
  expect(await states()).toEqual(['ok', 'interrupted'])

  const killed = startDwh(up, slow.at(database.target))
  await until(holder, sleeping)
  killed.kill('SIGKILL')
  await once(killed, 'close')
  await until(holder, `SELECT FROM dwh.run_states WHERE run = 3 AND state <> 'running'`)
  expect(await states()).toEqual(['ok', 'interrupted', 'died'])
  slow[Symbol.dispose]()

  const list = await dwhDone(['runs', 'list', '--json'], at)
  expect(
    JSON.parse(list.stdout).map(({ run, state, exit_code }: Record<string, unknown>) => [
      run,
      state,
      exit_code,
    ]),
  ).toEqual([
    [3, 'died', null],
    [2, 'interrupted', 130],
    [1, 'ok', 0],
  ])
  const few = await dwhDone(['runs', 'list', '--limit', '1', '--state', 'ok'], at)
  expect(few.stdout).toMatch(/^run +command[^\n]*\n(?:[^\n]*\n)?\s*1 +migrate up --yes +test +ok [^\n]*\n$/)
  // A killed run has its log to the last event.
  expect((await dwhDone(['runs', 'log', '3'], at)).stdout).toMatch(/step started: apply test\/0002_slow/)
})

test('runs are forgotten with their events and logs after 90 days, or what the warehouse says; running ones stay', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse({ retention: { runs: '10 days' } }, files)
  const at = warehouse.at(database.target)
  await dwhDone(up, at)
  const { log_path } = await session.one<{ log_path: string }>('SELECT log_path FROM dwh.runs')
  expect(existsSync(log_path)).toBe(true)
  // This session is the one of a run that has been working for long.
  const more = (days: number, backend: string, code: string) => `
    INSERT INTO dwh.runs (command, words, version, host, os_user, os_pid, backend_pid, backend_start, started_at, ended_at, exit_code, log_path)
    SELECT 'test', '{}', '0', 'elsewhere', 'x', 1, ${backend}, backend_start, now() - interval '${days} days',
           CASE WHEN ${code} >= 0 THEN now() END, nullif(${code}, -1), '${log_path}'
      FROM pg_stat_activity WHERE pid = pg_backend_pid()`
  await session.run(`UPDATE dwh.runs SET started_at = now() - interval '11 days'`)
  await session.run(more(11, 'pid', '-1'))
  await session.run(more(11, '0', '-1'))
  await session.run(more(9, '0', '0'))
  await session.run(more(100, '0', '1'))

  // Any run that changes something sweeps at its end.
  using next = testWarehouse(
    { retention: { runs: '10 days' } },
    { ...files, 'migrations/0002_more.sql': 'SELECT 1' },
  )
  await dwhDone(up, next.at(database.target))
  expect(await session.rows('SELECT run, state FROM dwh.run_states ORDER BY run')).toEqual([
    { run: 2, state: 'running' },
    { run: 4, state: 'ok' },
    { run: 6, state: 'ok' },
  ])
  expect(await session.rows('SELECT DISTINCT run FROM dwh.events')).toEqual([{ run: 6 }])
  expect(existsSync(log_path)).toBe(false)
  expect(await dwh(['runs', 'log', '4'], at)).toMatchObject({
    code: 1,
    stderr: like(/error FAILED the log of run 4 is not here: .* on elsewhere/),
  })

  expect(await dwh(['runs', 'prune', '--older-than', '1 day'], at)).toMatchObject({
    code: 2,
    stderr: like('NEEDS_CONFIRMATION'),
  })
  expect(await dwh(['runs', 'prune', '--older-than', 'soon', '--yes'], at)).toMatchObject({
    code: 2,
    stderr: like('error USAGE --older-than'),
  })
  const pruned = await dwhDone(['runs', 'prune', '--older-than', '1 day', '--yes', '--json'], at)
  expect(JSON.parse(pruned.stdout)).toEqual({ forgotten: [4] })
})
