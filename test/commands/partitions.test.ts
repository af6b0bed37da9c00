import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Session } from '../../src/postgres/session.ts'
import { dwh, startDwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)

const yaml = `
datasets:
  facts:
    target: public.facts
    partition: { key: d, kind: date, grain: year, from: 2022, until: 2025, premake: 0 }
`
const parent = 'CREATE TABLE public.facts (d date, n int) PARTITION BY RANGE (d)'
const three = ['facts_2022', 'facts_2023', 'facts_2024']

const leaves = async (session: Session) =>
  (
    await session.rows<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1`,
    )
  ).map(({ name }) => name)

test('create: plan, question, work, and nothing to do the second time', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = testWarehouse(parse(yaml))
  const here = folder.at(database.target)
  await session.run(parent)

  const dry = await dwh(['partitions', 'create', '--dry-run'], here)
  expect(dry).toMatchObject({ code: 0, stderr: '', stdout: like(/^-- facts: 3 leaves\nBEGIN;\n/) })
  expect(await session.row(`SELECT FROM pg_namespace WHERE nspname = 'dwh'`)).toBeUndefined()
  const asked = await dwh(['partitions', 'create'], here)
  expect(asked).toMatchObject({
    code: 2,
    stdout: '',
    stderr: like(/3 leaves to create:\n {2}facts_2022\n.*NEEDS_CONFIRMATION.*--yes/s),
  })
  expect(await leaves(session)).toEqual([])

  const done = await dwh(['partitions', 'create', '--yes', '--json'], here)
  expect(done.code).toBe(0)
  expect(JSON.parse(done.stdout)).toEqual({ created: three.map((name) => `public.${name}`) })
  expect(await leaves(session)).toEqual(three)
  const again = await dwh(['partitions', 'create', '--yes'], here)
  expect(again).toMatchObject({ code: 0, stdout: '', stderr: 'nothing to do: no leaf is missing\n' })
  expect((await dwh(['partitions', 'create', '--dry-run'], here)).stdout).toBe('')

  const older = await dwh(
    ['partitions', 'create', 'facts', '--from', '2019-06', '--until', '2021', '--yes'],
    here,
  )
  expect(older).toMatchObject({ code: 0, stderr: like('2 leaves created') })
  expect(await leaves(session)).toEqual(['facts_2019', 'facts_2020', ...three])
})

test('list: a table for people, JSON for programs, exit code 4 where something is wrong', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = testWarehouse(parse(yaml))
  const here = folder.at(database.target)
  await session.run(
    `${parent}; CREATE TABLE public.facts_2022 PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')`,
  )

  const wrong = await dwh(['partitions', 'list'], here)
  expect(wrong).toMatchObject({
    code: 4,
    stderr: like(
      /CHECK_FAILED 2 problems: facts_2023: missing, facts_2024: missing\nhint {2}dwh partitions create/,
    ),
  })
  expect(wrong.stdout).toMatch(
    /^facts: 3 leaves\nleaf .*facts_2022 +2022-01-01 +2023-01-01 .* ok\n.*facts_2024 .* missing\n/s,
  )

  await dwh(['partitions', 'create', '--yes'], here)
  await session.run(`INSERT INTO public.facts VALUES ('2023-05-01')`)
  const right = await dwh(['partitions', 'list', '--json', '--exact'], here)
  expect(right).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(right.stdout)).toMatchObject([
    {
      dataset: 'facts',
      target: 'partitioned',
      runway_days: null,
      leaves: [
        { leaf: 'facts_2022', rows: 0 },
        {
          leaf: 'facts_2023',
          from: '2023-01-01',
          to: '2024-01-01',
          rows: 1,
          exact: true,
          compression: null,
          analyzed_at: null,
          state: 'ok',
        },
        { leaf: 'facts_2024', rows: 0 },
      ],
    },
  ])
})

test('what has no partitioned table is told, with exit code 1, or 5 where other datasets have their leaves', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const more = `${yaml}  others:\n    target: public.others\n    partition: { key: d, kind: date, grain: year }\n  plain:\n    target: public.plain\n`
  using folder = testWarehouse(parse(more))
  const here = folder.at(database.target)
  await session.run('CREATE TABLE public.others (d date)')
  const none = await dwh(['partitions', 'create', '--yes'], here)
  expect(none).toMatchObject({
    code: 1,
    stderr: like(/TARGET_UNFIT .*facts is missing, others is plain\nhint .*dwh setup/),
  })
  expect(await dwh(['partitions', 'list'], here)).toMatchObject({
    code: 4,
    stderr: like('facts is missing, others is plain'),
  })
  await session.run(parent)
  const some = await dwh(['partitions', 'create', '--yes'], here)
  expect(some).toMatchObject({ code: 5, stderr: like(/3 leaves created\n.*PARTLY_DONE .*others is plain/s) })
  expect(await leaves(session)).toEqual(three)
})

test.each([
  [['create', 'facst'], like(/no dataset "facst".*facts/)],
  [['create', 'plain'], like('dataset plain has no partition policy')],
  [['create', '--from', '2020'], like('--from and --until go together')],
  [
    ['create', '--from', '2021', '--until', '2020'],
    like('--from 2021-01-01 is not before --until 2020-01-01'),
  ],
  [['create', '--from', '2090', '--until', '2101'], like('no leaf is made from the ceiling 2100-01-01 on')],
  [['create', '--from', '2023-02-30', '--until', '2024'], like('--from .*expected a date')],
])('%j is a mistake on the command line', async (words, stderr) => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(parent)
  using folder = testWarehouse(parse(`${yaml}  plain:\n    target: public.plain\n`))
  const here = folder.at(database.target)
  expect(await dwh(['partitions', ...words], here)).toMatchObject({ code: 2, stdout: '', stderr })
})

describe('killed with -9', () => {
  test.each([0, 1, 2, 3])('after %i leaves, the next run completes', async (done) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    using folder = testWarehouse(parse(yaml))
    const here = folder.at(database.target)
    await session.run(parent)
    // Before the first leaf: within its transaction.
    const killAt =
      done === 0 ? ({ type: 'statement', sql: 'BEGIN ' } as const) : ({ type: 'progress', done } as const)
    const killed = await dwh(['partitions', 'create', '--yes'], { ...here, killAt })
    expect(killed).toMatchObject({ code: null, signal: 'SIGKILL' })
    expect(await leaves(session)).toEqual(three.slice(0, done))
    expect((await dwh(['partitions', 'create', '--yes'], here)).code).toBe(0)
    expect(await leaves(session)).toEqual(three)
    const { runs } = await session.one<{ runs: string[] }>(
      'SELECT array_agg(state ORDER BY run) AS runs FROM dwh.run_states',
    )
    expect(runs).toEqual(done === 3 ? ['died'] : ['died', 'ok'])
  })

  test('in the midst of a leaf, nothing of it is left', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    using folder = testWarehouse(parse(yaml))
    const here = folder.at(database.target)
    await session.run(parent)
    const sql = 'ALTER TABLE "public"."facts_2023" DROP CONSTRAINT "facts_2023_bound"'
    await dwh(['partitions', 'create', '--yes'], { ...here, killAt: { type: 'statement', sql } })
    expect(await leaves(session)).toEqual(['facts_2022'])
    expect((await dwh(['partitions', 'create', '--yes'], here)).code).toBe(0)
    expect(await leaves(session)).toEqual(three)
  })
})

test('the first Ctrl-C while it waits for a lock ends it with 130, and the run says interrupted', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await using holder = await database.open()
  using folder = testWarehouse(parse(yaml))
  const here = folder.at(database.target)
  await session.run(parent)
  await holder.run('BEGIN; LOCK TABLE public.facts IN SHARE UPDATE EXCLUSIVE MODE')
  const child = startDwh(['partitions', 'create', '--yes'], here)
  const closed = once(child, 'close')
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  while (
    !(await session.row('SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [
      'public.facts',
    ]))
  );
  child.kill('SIGINT')
  expect(await closed).toEqual([130, null])
  expect(stderr).toMatch(/stopping: .*INTERRUPTED interrupted; what was not finished is rolled back\n/s)
  expect(await leaves(session)).toEqual([])
  expect(await session.rows('SELECT state, exit_code, error_code FROM dwh.run_states')).toEqual([
    { state: 'interrupted', exit_code: 130, error_code: 'INTERRUPTED' },
  ])
})

test('the second Ctrl-C leaves at once, and the run counts as died', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await using holder = await database.open()
  using folder = testWarehouse(parse(yaml))
  const here = folder.at(database.target)
  await session.run(`${parent}; CREATE TABLE public.facts_2022 (d date)`)
  await holder.run('BEGIN; LOCK TABLE public.facts IN SHARE UPDATE EXCLUSIVE MODE')
  const child = startDwh(['partitions', 'create', '--yes'], here)
  const closed = once(child, 'close')
  while (
    !(await session.row('SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [
      'public.facts',
    ]))
  );
  child.stderr?.once('data', () => child.kill('SIGINT'))
  child.kill('SIGINT')
  expect(await closed).toEqual([130, null])
  await holder.run('ROLLBACK')
  expect((await session.one<{ state: string }>('SELECT state FROM dwh.run_states')).state).toMatch(
    /died|interrupted/,
  )
})

test.runIf(everyFault)(
  'a lock held past the whole ladder ends it with 6 and names who holds it',
  async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using holder = await database.open('vacuum of the night')
    using folder = testWarehouse(parse(yaml))
    const here = folder.at(database.target)
    await session.run(parent)
    await holder.run('BEGIN; LOCK TABLE public.facts IN SHARE UPDATE EXCLUSIVE MODE')
    const result = await dwh(['partitions', 'create', '--yes'], here)
    expect(result).toMatchObject({
      code: 6,
      stderr: like(`LOCK_HELD no lock on public.facts .* session ${holder.pid} .*vacuum of the night`),
    })
    expect(await leaves(session)).toEqual([])
  },
)
