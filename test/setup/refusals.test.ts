import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { reportingVersion } from '../support/old-server.ts'
import { server } from '../support/servers.ts'
import { smallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { plainSales, sales, salesWarehouse } from './fixture.ts'

const setup = ['setup', '--yes', '--no-backup']
const says = (pattern: RegExp) => expect.stringMatching(pattern)

/** Everything in the database, so that "nothing was changed" can be believed. */
async function everything(session: Session) {
  return session.rows(
    `SELECT c.oid::int8, c.relname::text, c.relfilenode::int8, c.relacl::text, n.nspname::text
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1`,
  )
}

describe('setup refuses with one error and changes nothing', () => {
  const template = databaseTemplate(server, plainSales)

  test('the server is down, the database is missing, the password is wrong', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const { cwd, env } = warehouse.at(database.target)
    expect(await dwh(setup, { cwd, env: { ...env, PGPORT: '1' } })).toMatchObject({
      code: 3,
      stderr: says(/error SERVER_UNREACHABLE .*\nhint .*dwh dev start/),
    })
    expect(await dwh(setup, { cwd, env: { ...env, PGDATABASE: 'no such "db"' } })).toMatchObject({
      code: 3,
      stderr: says(/error DATABASE_MISSING .*\nhint .*createdb/),
    })
    // Trust applies on the socket only: by TCP the server asks for a password.
    const tcp = { ...env, PGHOST: '127.0.0.1', PGPASSWORD: 'wrong-sentinel' }
    const refused = await dwh(setup, { cwd, env: tcp })
    expect(refused).toMatchObject({ code: 3, stderr: says(/error LOGIN_REFUSED .*\nhint .*PGPASSWORD/) })
    expect(refused.stderr).not.toContain('wrong-sentinel')
    expect(await dwh(setup, { cwd, env: { ...tcp, PGPASSWORD: undefined } as never })).toMatchObject({
      code: 3,
      stderr: says(/error LOGIN_REFUSED/),
    })
  })

  test.each(['LATIN1', 'SQL_ASCII'])('a database in %s', async (encoding) => {
    await using database = await freshDatabase(server, { encoding })
    await using session = await database.open()
    const before = await everything(session)
    using warehouse = salesWarehouse()
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({
      code: 3,
      stderr: says(
        new RegExp(`error ENCODING_NOT_UTF8 .*${encoding}; nothing was changed\nhint .*ENCODING 'UTF8'`),
      ),
    })
    expect(await everything(session)).toEqual(before)
  })

  test('a warehouse file with a tab, or with a key that nobody knows', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const before = await everything(session)
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const file = join(warehouse.folder, 'dwh.yaml')
    const right = readFileSync(file, 'utf8')
    writeFileSync(file, `${right}schedule:\n\tzone: UTC\n`)
    expect(await dwh(setup, at)).toMatchObject({
      code: 3,
      stderr: says(
        /^error CONFIG_INVALID [\s\S]*dwh\.yaml:\d+:1 +a tab indents this line[\s\S]*\nhint +nothing was done; correct the file/,
      ),
    })
    writeFileSync(file, right.replace('premake:', 'premade:'))
    expect(await dwh(setup, at)).toMatchObject({
      code: 3,
      stderr: says(
        /^error CONFIG_INVALID [\s\S]*dwh\.yaml:\d+:\d+ +datasets\.sales\.partition\.premade: .*premake/,
      ),
    })
    expect(await everything(session)).toEqual(before)
  })

  test('PostgreSQL 13', async () => {
    await using database = await freshDatabase(server)
    await using old = await reportingVersion(database.target, '13')
    using warehouse = salesWarehouse()
    expect(await dwh(setup, warehouse.at(old.target))).toMatchObject({
      code: 3,
      stderr: says(/error SERVER_TOO_OLD .*PostgreSQL 13\.\d+; dwh needs 14 or newer\nhint .*pg_upgrade/),
    })
  })

  test('a role without CREATE, and one that does not own the table', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const role = `poor_${database.name}`
    await session.run(`CREATE ROLE ${role} LOGIN; GRANT SELECT ON public.sales TO ${role}`)
    try {
      const before = await everything(session)
      using warehouse = salesWarehouse()
      const at = warehouse.at({ ...database.target, user: role })
      const refused = await dwh(setup, at)
      expect(refused).toMatchObject({ code: 3, stderr: says(/error PRIVILEGE_MISSING/) })
      expect(refused.stderr).toMatch(
        new RegExp(`hint .*GRANT CREATE ON DATABASE .* TO "${role}".*GRANT "postgres" TO "${role}"`),
      )
      const migrations = await dwh(['migrate', 'up', '--yes'], at)
      expect(migrations).toMatchObject({
        code: 3,
        stderr: says(
          /error PRIVILEGE_MISSING permission denied for database [\s\S]*\nhint +grant what is missing/,
        ),
      })
      expect(await everything(session)).toEqual(before)
    } finally {
      await session.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  test('a disk with less than twice the table free', async (context) => {
    await using disk = await smallDisk()
    if (!disk) return context.skip('a small disk can only be mounted by root')
    const { session, tablespace, target } = disk
    await session.run(`CREATE TABLE public.sales (id bigint, sold_on date NOT NULL, client text, note text) TABLESPACE ${tablespace};
      INSERT INTO public.sales SELECT n, '2024-01-01', repeat('x', 100), NULL FROM generate_series(1, 50000) AS n`)
    using warehouse = salesWarehouse()
    const before = await everything(session)
    expect(await dwh(setup, warehouse.at(target))).toMatchObject({
      code: 1,
      stderr: says(
        /error DISK_FULL Is twice the largest table free on its disk\? .* needed for public\.sales; nothing was changed\nhint +free some room/,
      ),
    })
    expect(await everything(session)).toEqual(before)
  })

  test('a disk that is full in the middle: the table is as it was, and with some room the same command goes on', async (context) => {
    await using disk = await smallDisk()
    if (!disk) return context.skip('a small disk can only be mounted by root')
    const { session, tablespace, target } = disk
    const names = ['one', 'two', 'three']
    for (const name of names)
      await session.run(`CREATE TABLE public.${name} (id bigint, k date NOT NULL, v text) TABLESPACE ${tablespace};
        INSERT INTO public.${name} SELECT n, date '2024-01-01' + n % 20, repeat('x', 100) FROM generate_series(1, 19000) AS n`)
    const partition = { key: 'k', kind: 'date', grain: 'month', premake: 0 }
    using warehouse = testWarehouse({
      datasets: Object.fromEntries(names.map((name) => [name, { target: `public.${name}`, partition }])),
    })
    const at = warehouse.at(target)
    const before = await describeTable(session, { schema: 'public', name: 'three' })
    expect(await dwh(setup, at)).toMatchObject({
      code: 1,
      stderr: says(
        /error DISK_FULL could not extend file [\s\S]*No space left on device[\s\S]*\nhint +free some room .*resumes/,
      ),
    })
    expect(await describeTable(session, { schema: 'public', name: 'three' })).toEqual(before)
    await session.run('DROP TABLE public.one_before_setup, public.two_before_setup')
    await session.run('CHECKPOINT')
    await dwhDone(setup, at)
    const { rows, leaves } = await describeTable(session, { schema: 'public', name: 'three' })
    expect([rows, leaves]).toMatchObject([before.rows, [{ name: 'three_2024_01' }]])
  })

  test.each([
    ['LIST (client)', 'is partitioned by LIST of client'],
    ['HASH (sold_on)', 'is partitioned by HASH of sold_on'],
    ['RANGE (id)', 'is partitioned by RANGE of id'],
    ["RANGE (date_trunc('month', sold_on::timestamp))", 'RANGE of an expression'],
  ])('a table that is partitioned already, by %s', async (strategy, message) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(
      `CREATE TABLE public.sales (id bigint, sold_on date, client text) PARTITION BY ${strategy}`,
    )
    const before = await everything(session)
    using warehouse = salesWarehouse()
    const refused = await dwh(setup, warehouse.at(database.target))
    expect(refused).toMatchObject({ code: 1, stderr: says(/error TARGET_UNFIT .*nothing was changed\nhint/) })
    expect(refused.stderr).toContain(message)
    expect(await everything(session)).toEqual(before)
  })

  test('keys that stand twice, with an example', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE TABLE public.sales (id bigint, sold_on date NOT NULL, client text);
      INSERT INTO public.sales VALUES (1, '2024-01-01', 'a'), (1, '2024-01-01', 'b'), (2, '2024-01-01', 'c'), (2, '2024-02-01', 'd')`)
    using warehouse = salesWarehouse()
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({
      code: 1,
      stderr: says(
        /error ROWS_UNFIT public\.sales: 2 keys \(id\) in more than one row, 2 rows too many, such as \(1\).*nothing was changed\nhint .*recency/,
      ),
    })
  })

  test('what uniqueness loses needs its flag', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('CREATE UNIQUE INDEX sales_number ON public.sales (client, note, id)')
    const before = await everything(session)
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    expect(await dwh(setup, at)).toMatchObject({
      code: 2,
      stderr: says(
        /error NEEDS_CONFIRMATION .*\(client, note, id\) alone is not unique any more.*sales_number; nothing was changed\nhint .*--accept-losses/,
      ),
    })
    expect(await everything(session)).toEqual(before)
    expect(await dwh([...setup, '--accept-losses'], at)).toMatchObject({ code: 0 })
    expect((await describeTable(session, sales)).indexes).toContainEqual(
      expect.objectContaining({
        definition: expect.stringContaining('(client, note, id, sold_on)'),
        name: 'sales_number',
      }),
    )
  })

  test('nobody can be asked and --yes is not there', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const before = await everything(session)
    using warehouse = salesWarehouse()
    expect(await dwh(['setup', '--no-backup'], warehouse.at(database.target))).toMatchObject({
      code: 2,
      stderr: says(/error NEEDS_CONFIRMATION .*nothing was changed\nhint .*--yes/),
    })
    const dry = await dwh(['setup', '--dry-run'], warehouse.at(database.target))
    expect(dry).toMatchObject({ code: 0, stdout: says(/convert public\.sales: 5,000 rows/) })
    expect(await everything(session)).toEqual(before)
  })

  test('names that the conversion needs are taken', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    // An archive that was renamed keeps the names of its indexes.
    await session.run(`CREATE TABLE public.sales_2024_02 (somebody text); CREATE TABLE public.archive (client text);
                       CREATE INDEX sales_2024_03_client ON public.archive (client)`)
    const before = await everything(session)
    using warehouse = salesWarehouse()
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({
      code: 1,
      stderr: says(
        /error TARGET_UNFIT .*names that are taken: "public"\."sales_2024_02", "public"\."sales_2024_03_client"; nothing was changed\nhint/,
      ),
    })
    expect(await everything(session)).toEqual(before)
  })

  test('a dataset whose table nothing creates', async () => {
    await using database = await freshDatabase(server)
    using warehouse = testWarehouse({
      datasets: { ghosts: { target: 'public.ghosts', partition: { key: 'd', kind: 'date', grain: 'year' } } },
    })
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({
      code: 1,
      stderr: says(
        /error TARGET_UNFIT there is no table public\.ghosts .*no migration creates it\nhint .*dwh migrate create/,
      ),
    })
  })
})

describe('somebody else holds a lock', () => {
  const template = databaseTemplate(server, plainSales)

  test('a writer past the ladder: named, and nothing of the table is changed; gone, the same command works', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using writer = await database.open('a busy application')
    await using session = await database.open()
    const before = await describeTable(session, sales)
    using warehouse = salesWarehouse()
    const { cwd, env } = warehouse.at(database.target)
    const at = { cwd, env: { ...env, DWH_LOCK_ATTEMPTS: '3' } }
    await writer.run("BEGIN; UPDATE public.sales SET client = 'held' WHERE id = 1")
    const refused = await dwh(setup, at)
    expect(refused).toMatchObject({
      code: 6,
      stderr: says(
        /error LOCK_HELD no lock on public\.sales within the ladder; session \d+ \(postgres, a busy application, idle in transaction\) holds RowExclusiveLock/,
      ),
    })
    expect(refused.stderr).toMatch(new RegExp(`hint .*pg_terminate_backend\\(${writer.pid}\\)`))
    await writer.run('ROLLBACK')
    expect(await describeTable(session, sales)).toEqual(before)
    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
  })

  test('a reader at the swap: readers go on, the swap waits and gives up, and the next run has little left to do', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using reader = await database.open('a long report')
    await using session = await database.open()
    const before = await describeTable(session, sales)
    using warehouse = salesWarehouse()
    const { cwd, env } = warehouse.at(database.target)
    const at = { cwd, env: { ...env, DWH_LOCK_ATTEMPTS: '3' } }
    await reader.run('BEGIN; SELECT count(*) FROM public.sales')
    const refused = await dwh(setup, at)
    expect(refused).toMatchObject({
      code: 6,
      stderr: says(/error LOCK_HELD .*a long report.*AccessShareLock/),
    })
    expect(await reader.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: 5000 }])
    await reader.run('COMMIT')
    expect(await describeTable(session, sales)).toEqual(before)
    const oids =
      "SELECT c.oid::int8 FROM pg_class AS c WHERE relname LIKE 'sales_2024%' AND relkind = 'r' ORDER BY 1"
    const leaves = await session.rows(oids)
    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(await session.rows(oids)).toEqual(leaves)
  })

  test('readers read and writers wait, from the copy to the swap', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using reader = await database.open()
    await using writer = await database.open()
    using warehouse = salesWarehouse()
    // Another reader holds the swap up, so that there is time to look.
    await using blocker = await database.open()
    await blocker.run('BEGIN; SELECT 1 FROM public.sales LIMIT 1')
    const running = dwh(setup, warehouse.at(database.target))
    await until(
      reader,
      "SELECT FROM pg_locks WHERE relation = 'public.sales'::regclass AND mode = 'ShareLock' AND granted",
    )
    expect(await reader.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: 5000 }])
    await writer.run("SET lock_timeout = '200ms'")
    await expect(
      writer.run("INSERT INTO public.sales (sold_on, client) VALUES ('2024-01-01', 'x')"),
    ).rejects.toMatchObject({
      code: 'LOCK_HELD',
    })
    await blocker.run('COMMIT')
    expect(await running).toMatchObject({ code: 0 })
    expect(await writer.run("INSERT INTO public.sales (sold_on, client) VALUES ('2024-01-01', 'x')")).toBe(1)
  })

  test('two setups at once: one works, the other is told which run does', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('BEGIN; SELECT 1 FROM public.sales LIMIT 1')
    await using observer = await database.open()
    using warehouse = salesWarehouse()
    const first = dwh(setup, warehouse.at(database.target))
    await until(
      observer,
      "SELECT FROM pg_locks WHERE relation = 'public.sales'::regclass AND mode = 'ShareLock' AND granted",
    )
    const second = await dwh(setup, warehouse.at(database.target))
    expect(second).toMatchObject({
      code: 6,
      stderr: says(
        /error LOCK_HELD setup is at work already: run 1 of .*; nothing was changed\nhint .*dwh runs show 1/,
      ),
    })
    await session.run('COMMIT')
    expect(await first).toMatchObject({ code: 0 })
  })
})
