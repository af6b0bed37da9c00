import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ident, literal } from '../../../src/postgres/identifiers.ts'
import { databaseTemplate, freshRole } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { dumped, restore, restoreSite, richDatabase } from './fixture.ts'

const template = databaseTemplate(server, richDatabase)

test('everything that a database holds is there again, and the live one is exchanged, and back, and dropped', async () => {
  await using reader = await freshRole(server, 'reader ')
  await using site = await restoreSite({
    template: template.name,
    prepare: async (session) => {
      const database = ident(session.target.database)
      const role = ident(reader.name)
      await session.run(`
        COMMENT ON DATABASE ${database} IS 'the ''house''';
        ALTER DATABASE ${database} SET search_path TO public, "Odd ""schema""";
        ALTER DATABASE ${database} SET default_transaction_read_only TO on;
        ALTER DATABASE ${database} CONNECTION LIMIT 50;
        ALTER ROLE ${role} IN DATABASE ${database} SET work_mem TO '8MB';
        REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC;
        GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${role} WITH GRANT OPTION;
        GRANT SELECT (id, note) ON public.things TO ${role};
        ALTER TABLE public.nothing OWNER TO ${role}`)
    },
  })
  const before = dumped(site, site.name)
  const copy = `${site.name}_copy`
  const beside = await restore(site, ['--into', copy, '--json'])
  expect(beside).toMatchObject({ code: 0 })
  expect(JSON.parse(beside.stdout)).toMatchObject({
    ...{ backup: site.backup, database: copy, kept: null, exchanged: false, resumed: false, ledger: null },
    tables: site.manifest.tables.length,
    rows: site.manifest.tables.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
    ...{ journal: expect.stringContaining(site.folder) },
  })
  expect(dumped(site, copy)).toBe(before)
  expect(await site.databases()).toEqual([site.name, copy])
  {
    await using session = await site.open(copy)
    const frozen = await session.rows(
      "SELECT relpages > 0 AND relallvisible = relpages AS frozen FROM pg_class WHERE relname ~ '^facts_20..$'",
    )
    expect(frozen).toEqual([{ frozen: true }, { frozen: true }, { frozen: true }])
    expect(await session.one('SELECT to_regnamespace($1) AS left', ['dwh_restore'])).toEqual({ left: null })
  }
  expect(await restore(site, ['--into', copy])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error USAGE there is a database .* already; nothing was made/),
  })

  {
    await using session = await site.open()
    await session.run('SET default_transaction_read_only = off')
    await session.run('DROP TABLE public.facts CASCADE')
  }
  const plan = await restore(site, ['--dry-run', '--json'])
  expect(JSON.parse(plan.stdout)).toMatchObject({
    ...{
      backup: site.backup,
      database: site.name,
      exists: true,
      tables: site.manifest.tables.length,
      connected: [],
      resumes: null,
      leftovers: [],
    },
    ...{
      verified: { files: Object.keys(site.manifest.files).length },
      kept: expect.stringMatching(`^${site.name}_before_restore_`),
    },
  })
  const exchanged = await restore(site, ['--json'])
  expect(exchanged).toMatchObject({ code: 0 })
  const { kept } = JSON.parse(exchanged.stdout)
  expect(await site.databases()).toEqual([site.name, kept, copy])
  const restored = dumped(site, site.name)
  // The restore itself is in the ledger of what it has restored.
  expect(restored).toMatch(/^\d+\trestore\t/m)

  expect(await restore(site, ['--undo', '--dry-run'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`${kept} becomes ${site.name}`),
  })
  const undone = await restore(site, ['--undo', '--json'])
  expect(undone).toMatchObject({ code: 0 })
  const { beside: aside } = JSON.parse(undone.stdout)
  expect(await site.databases()).toEqual([site.name, copy, aside].toSorted())
  await using session = await site.open()
  expect(await session.one("SELECT to_regclass('public.facts') AS facts")).toEqual({ facts: null })
  expect(await restore(site, ['--undo'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing was changed'),
  })
  expect(await restore(site, ['--finish'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`${aside} is dropped`),
  })
  expect(await site.databases()).toEqual([site.name, copy])
})

test('what the old ledger has done since is taken over, and what was loaded since can be loaded again', async () => {
  const load = (run: number, input: string, end: string) => `
    INSERT INTO dwh.loads (run, warehouse, dataset, schema_name, table_name, input, header, bytes, sha256, mapping, strategy, landing, ${end.split('=')[0]}, error_code)
    VALUES (${run}, 'w', 'd', 'public', 'facts', ${literal(input)}, '\\x00ff', 1, ${literal(createHash('sha256').update(input).digest('hex'))}, 'm', 's', '{gone}', ${end.split('=')[1]}, ${end.startsWith('failed') ? "'BROKEN'" : 'NULL'})`
  await using site = await restoreSite({
    template: template.name,
    prepare: (session) =>
      session.run(`${load(1, 'before', 'finished_at=now()')}; ${load(1, 'while', 'started_at=now()')};
        INSERT INTO dwh.leases (work, epoch, holder) VALUES ('setup', 7, 'a'), ('idle', 3, 'a')`),
  })
  {
    await using session = await site.open()
    await session.run(`
      INSERT INTO dwh.runs (command, words, version, host, os_user, os_pid, backend_pid, backend_start)
        VALUES ('load', '{load}', '0', 'h', 'u', 1, 1, now()), ('later', '{}', '0', 'h', 'u', 1, 1, now());
      UPDATE dwh.runs SET ended_at = now(), exit_code = 1 WHERE run = 2;
      INSERT INTO dwh.events (run, kind, data) VALUES (2, 'step', '{"step": "copy"}');
      ${load(2, 'after', 'finished_at=now()')}; ${load(2, 'failed', 'failed_at=now()')};
      UPDATE dwh.loads SET finished_at = now() WHERE input = 'while';
      UPDATE dwh.leases SET epoch = 12, expires_at = now() + '1 hour' WHERE work = 'setup';
      INSERT INTO dwh.leases (work, epoch, holder) VALUES ('new', 1, 'b')`)
  }
  const result = await restore(site, ['--json'])
  expect(result).toMatchObject({ code: 0 })
  expect(JSON.parse(result.stdout).ledger).toMatchObject({ how: 'merged', restored_away: 2 })
  await using session = await site.open()
  expect(
    await session.rows(
      'SELECT load, input, error_code, finished_at IS NOT NULL AS finished, landing, header FROM dwh.loads ORDER BY load',
    ),
  ).toMatchObject([
    { load: 1, input: 'before', error_code: null, finished: true },
    { load: 2, input: 'while', error_code: 'RESTORED_AWAY', finished: false },
    {
      load: 3,
      input: 'after',
      error_code: 'RESTORED_AWAY',
      finished: false,
      landing: [],
      header: Buffer.from([0, 0xff]),
    },
    { load: 4, input: 'failed', error_code: 'BROKEN', finished: false, landing: [] },
  ])
  expect(await session.rows('SELECT work, epoch, expires_at FROM dwh.leases ORDER BY work')).toEqual([
    { work: 'idle', epoch: 4, expires_at: null },
    { work: 'new', epoch: 2, expires_at: null },
    { work: 'setup', epoch: 13, expires_at: null },
  ])
  const runs = await session.rows<{ run: number; command: string; exit_code: number | null }>(
    'SELECT run, command, exit_code FROM dwh.runs ORDER BY run',
  )
  expect(runs).toMatchObject([
    { run: 1 },
    { run: 2, exit_code: 1 },
    { run: 3, command: 'later' },
    { command: 'restore', exit_code: 0 },
  ])
  // Numbers that the old ledger may still have given away are passed over.
  expect(runs.at(-1)?.run).toBeGreaterThan(1000)
  expect(await session.rows("SELECT run FROM dwh.events WHERE kind = 'step'")).toEqual([{ run: 2 }])
})

test('a live database that is not there is no obstacle, and its name is known from the backup', async () => {
  await using site = await restoreSite({
    template: template.name,
    prepare: (session) =>
      session.run("INSERT INTO dwh.leases (work, epoch, holder) VALUES ('setup', 7, 'a')"),
  })
  const before = dumped(site, site.name)
  {
    await using other = await server.open()
    await other.run(`DROP DATABASE ${ident(site.name)}`)
  }
  const result = await restore(site, ['--latest', '--json'], { env: { PGDATABASE: undefined } })
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('numbers and epochs are raised') })
  expect(JSON.parse(result.stdout)).toMatchObject({
    ...{ database: site.name, kept: null, exchanged: true },
    ledger: { how: 'raised', why: 'there is no old database' },
  })
  await using session = await site.open()
  expect(await session.one("SELECT epoch FROM dwh.leases WHERE work = 'setup'")).toEqual({ epoch: 1_000_007 })
  const facts = (text: string) =>
    text.slice(text.indexOf('COPY public.facts_2022'), text.indexOf('COPY public.things'))
  expect(facts(dumped(site, site.name))).toBe(facts(before))
  expect(await site.databases()).toEqual([site.name])
})

describe('who is connected', () => {
  test('is named, and ended at the exchange where that is wanted; the rest is not done again', async () => {
    await using site = await restoreSite({ template: template.name })
    await using busy = await site.open()
    const refused = await restore(site)
    expect(refused).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        new RegExp(
          `! connected to ${site.name}: ${busy.pid} [\\s\\S]*error LOCK_HELD ${site.name} is in use: session ${busy.pid} [\\s\\S]*is as it was, .* is whole and proved[\\s\\S]*--block-connections`,
        ),
      ),
    })
    await busy.run('CREATE TABLE public.since (); SELECT pg_sleep(0)')
    const result = await restore(site, ['--block-connections'])
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('resume') })
    expect(result.stderr).not.toMatch(/✓ (structure|data|proof)/)
    await expect(busy.run('SELECT 1')).rejects.toMatchObject({ code: 'SERVER_WENT_AWAY' })
    const [, kept] = await site.databases()
    await using session = await site.open(kept)
    expect(await session.one("SELECT to_regclass('public.since')::text AS since")).toEqual({
      since: 'public.since',
    })
  })

  test('a prepared transaction is not ended, but named', async () => {
    await using site = await restoreSite({ template: template.name })
    await using session = await site.open()
    await session.run("BEGIN; CREATE TABLE public.since (); PREPARE TRANSACTION 'half'")
    await session[Symbol.asyncDispose]()
    const refused = await restore(site, ['--block-connections'])
    await using other = await site.open()
    await other.run("ROLLBACK PREPARED 'half'")
    expect(refused).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /prepared transaction \(half, [\s\S]*no database was renamed[\s\S]*ROLLBACK PREPARED/,
      ),
    })
  })
})
