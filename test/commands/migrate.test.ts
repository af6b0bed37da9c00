import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)

/** Every relation, schema and setting of a database: what "writes nothing at all" is held against. */
const everything = (session: Session) =>
  session.rows(
    `SELECT 'relation' AS kind, c.oid::int8, c.relname::text AS name, c.relfilenode::int8 AS file FROM pg_class AS c WHERE c.oid >= 16384
     UNION ALL SELECT 'schema', oid::int8, nspname::text, 0 FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
     UNION ALL SELECT 'function', oid::int8, proname::text, 0 FROM pg_proc WHERE oid >= 16384 ORDER BY 1, 2`,
  )

/** What two ways to the same state must agree in: all but times. */
const endState = async (session: Session) => ({
  relations: await session.rows(
    `SELECT relnamespace::regnamespace::text AS schema, relname::text AS name, relkind::text FROM pg_class WHERE oid >= 16384 AND relkind <> 't'
        AND relname !~ '^pg_toast' ORDER BY 1, 2`,
  ),
  migrations: await session.rows(
    'SELECT folder, name, file_sha256, sql_sha256, version FROM dwh.migration_checksums ORDER BY 1, 2',
  ),
  history: await session.rows(
    `SELECT 'dwh' AS folder, name FROM dwh.migrations_dwh UNION ALL SELECT 'test', name FROM dwh.migrations_test ORDER BY 1, 2`,
  ),
})

const files = {
  'migrations/0001_regions.sql':
    "-- Up Migration\nCREATE TABLE regions (region text PRIMARY KEY);\nINSERT INTO regions VALUES ('north') -- no semicolon\n-- Down Migration\nDROP TABLE regions -- nor here",
  'migrations/0002_helper.ts': `
    import { table } from './tables.ts'
    export const up = (pgm) => pgm.createTable(table, { id: 'bigint' })`,
  'migrations/tables.ts': `export const table = 'sales'`,
}

test('from an empty database to the end and back: create, status, --dry-run, up, verify, down', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse({}, files)
  const at = warehouse.at(database.target)
  const folder = join(warehouse.folder, 'migrations')
  const before = await everything(session)

  const created = await dwhDone(['migrate', 'create', 'Été: index on "status"', '--sql'], at)
  expect(created.stdout).toBe(`${join(folder, '0003_ete_index_on_status.sql')}\n`)
  expect(await dwh(['migrate', 'create', 'my facts'], at)).toMatchObject({
    code: 0,
    stdout: `${join(folder, '0004_my_facts.ts')}\n`,
  })
  expect(readdirSync(folder)).toHaveLength(5)
  const status = await dwhDone(['migrate', 'status', '--json'], at)
  expect(JSON.parse(status.stdout)).toEqual(
    [
      ['dwh', '0001_ledger'],
      ['dwh', '0002_loads'],
      ['dwh', '0003_backups'],
      ['dwh', '0004_restores'],
      ['dwh', '0005_backfills'],
      ['dwh', '0006_checks'],
      ['dwh', '0007_upkeep'],
      ...['0001_regions', '0002_helper', '0003_ete_index_on_status', '0004_my_facts'].map((name) => [
        'test',
        name,
      ]),
    ].map(([folder, name]) => ({ folder, name, state: 'pending', applied_at: null, seconds: null })),
  )
  expect(await dwh(['migrate', 'up'], at)).toMatchObject({
    code: 2,
    stderr: like(/11 migrations to apply[\s\S]*NEEDS_CONFIRMATION/),
  })
  const dry = await dwhDone(['migrate', 'up', '--dry-run'], at)
  expect(dry.stdout).toContain('CREATE TABLE IF NOT EXISTS "public"."my_facts"')
  // Nothing so far has written anything, not even bookkeeping.
  expect(await everything(session)).toEqual(before)

  const applied = await dwhDone(['migrate', 'up', '--yes', '--json'], at)
  expect(JSON.parse(applied.stdout)).toEqual({
    applied: [
      'dwh/0001_ledger',
      'dwh/0002_loads',
      'dwh/0003_backups',
      'dwh/0004_restores',
      'dwh/0005_backfills',
      'dwh/0006_checks',
      'dwh/0007_upkeep',
      'test/0001_regions',
      'test/0002_helper',
      'test/0003_ete_index_on_status',
      'test/0004_my_facts',
    ],
  })
  await using byHand = await freshDatabase(server)
  await using other = await byHand.open()
  execFileSync('psql', ['-Xqv', 'ON_ERROR_STOP=1'], {
    input: dry.stdout,
    env: { ...process.env, ...warehouse.at(byHand.target).env },
  })
  expect(await endState(other)).toEqual(await endState(session))

  expect(await dwh(['migrate', 'up'], at)).toMatchObject({
    code: 0,
    stderr: like('nothing to do: every migration is applied'),
  })
  expect(await dwh(['migrate', 'verify'], at)).toMatchObject({ code: 0, stdout: '' })
  const back = await dwhDone(['migrate', 'down', '4', '--dry-run'], at)
  expect(back.stdout).toMatch(
    /DROP TABLE "public"\."my_facts"[\s\S]*DROP TABLE "sales"[\s\S]*DROP TABLE regions -- nor here;\n;[\s\S]*DELETE FROM "dwh"\."migrations_test"/,
  )
  expect(await endState(session)).toEqual(await endState(other))
  expect(await dwh(['migrate', 'down', '4', '--yes', '--json'], at)).toMatchObject({ code: 0 })
  execFileSync('psql', ['-Xqv', 'ON_ERROR_STOP=1'], {
    input: back.stdout,
    env: { ...process.env, ...warehouse.at(byHand.target).env },
  })
  expect(await endState(other)).toEqual(await endState(session))
  expect(await session.rows('SELECT FROM dwh.migrations_test')).toEqual([])
  expect(await dwh(['migrate', 'down', '--yes'], at)).toMatchObject({
    code: 0,
    stderr: like('nothing to do'),
  })
})

test('a released file that was edited, renamed or is late stops up; verify lists every drift, of files and of SQL', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse({}, files)
  const at = warehouse.at(database.target)
  const write = (name: string, content: string) =>
    writeFileSync(join(warehouse.folder, 'migrations', name), content)
  await dwhDone(['migrate', 'up', '--yes'], at)
  const before = await everything(session)

  write('tables.ts', `export const table = 'purchases'`)
  const drifted = await dwh(['migrate', 'verify', '--json'], at)
  expect(drifted).toMatchObject({
    code: 4,
    stderr: like('error CHECK_FAILED 1 difference; nothing was changed'),
  })
  expect(JSON.parse(drifted.stdout)).toEqual([
    { what: 'test/0002_helper', problem: 'would produce other SQL today than it did when it was applied' },
  ])

  write('0001_regions.sql', `${files['migrations/0001_regions.sql']} `)
  write('0003_new.sql', 'CREATE TABLE new ()')
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({
    code: 1,
    stderr: like(
      /error MIGRATION_EDITED changed after they were applied: 0001_regions; nothing was applied\nhint .*dwh migrate verify/,
    ),
  })
  expect(JSON.parse((await dwh(['migrate', 'verify', '--json'], at)).stdout)).toEqual([
    { what: 'test/0001_regions', problem: 'was changed after it had been applied' },
    { what: 'test/0002_helper', problem: 'would produce other SQL today than it did when it was applied' },
  ])
  write('0001_regions.sql', files['migrations/0001_regions.sql'])
  write('tables.ts', files['migrations/tables.ts'])
  await session.run(`INSERT INTO dwh.migrations_test (name, run_on) VALUES ('0009_gone', now())`)
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({
    code: 1,
    stderr: like(/error MIGRATION_MISSING applied in test, but without a file: 0009_gone\nhint/),
  })
  await session.run(`DELETE FROM dwh.migrations_test WHERE name = '0009_gone'`)
  write('0001_a_late_one.sql', 'SELECT 1')
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({
    code: 1,
    stderr: like(
      /error MIGRATION_ORDER 0001_a_late_one would come before 0002_helper, which is applied\nhint .*next free number/,
    ),
  })
  expect(await everything(session)).toEqual(before)
})

test('killed with -9 within a migration: nothing of it is left, and the next up applies it', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse({}, files)
  const at = warehouse.at(database.target)
  const killAt = { type: 'statement', sql: 'CREATE TABLE "sales" (\n  "id" bigint\n);' } as const
  expect(await dwh(['migrate', 'up', '--yes'], { ...at, killAt })).toMatchObject({ signal: 'SIGKILL' })
  expect(await session.rows('SELECT name FROM dwh.migrations_test')).toEqual([{ name: '0001_regions' }])
  expect(await dwh(['migrate', 'up', '--yes'], at)).toMatchObject({
    code: 0,
    stderr: like('1 migration applied'),
  })
  expect(await session.rows(`SELECT to_regclass('public.sales') IS NOT NULL AS there`)).toEqual([
    { there: true },
  ])
  expect(await session.rows('SELECT state FROM dwh.run_states ORDER BY run')).toEqual([
    { state: 'died' },
    { state: 'ok' },
  ])
})
