import { expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { resealLeaves } from '../../../src/partitions/seal.ts'
import type { Session } from '../../../src/postgres/session.ts'
import { type CliOptions, type CliResult, dwh, type Moment } from '../../support/cli.ts'
import { databaseTemplate, freshRole } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { server } from '../../support/servers.ts'
import { targetEnvironment, testWarehouse } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'
import { forge, restoreSite, type Site, type SiteOptions } from './fixture.ts'

/** Four years of facts and a DEFAULT partition, with what leaves can have of their own. */
async function facts(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  await session.run(`
    CREATE TABLE public.things (id bigint PRIMARY KEY, name text);
    INSERT INTO public.things SELECT n, 'thing ' || n FROM generate_series(0, 9) AS n;
    CREATE TABLE public.facts (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, thing bigint REFERENCES public.things,
      amount int CHECK (amount >= 0), label text, double int GENERATED ALWAYS AS (amount * 2) STORED,
      PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE public.facts_2021 PARTITION OF public.facts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
    CREATE TABLE public.facts_2022 PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE public.facts_2023 PARTITION OF public.facts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    CREATE TABLE public.facts_2024 PARTITION OF public.facts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE public.facts_unknown PARTITION OF public.facts DEFAULT;
    INSERT INTO public.facts (day, thing, amount, label)
      SELECT date '2021-01-01' + n % 1461, n % 10, n, 'fact ' || n FROM generate_series(0, 5999) AS n;
    INSERT INTO public.facts (day, amount) VALUES ('1900-01-01', 1);
    CREATE INDEX facts_label ON public.facts (lower(label));
    CREATE INDEX facts_2023_own ON public.facts_2023 (amount) WHERE amount > 100;
    ALTER TABLE public.facts_2023 ADD CONSTRAINT own_check CHECK (label <> 'never'), SET (fillfactor = 80);
    COMMENT ON TABLE public.facts_2023 IS 'a good year';
    COMMENT ON INDEX public.facts_2023_own IS 'the large ones';
    CREATE TABLE public.others (LIKE public.facts);
    ANALYZE`)
}

const file = {
  backup: { folder: 'backups' },
  datasets: {
    facts: {
      target: 'public.facts',
      key: ['id'],
      partition: { key: 'day', kind: 'date', grain: 'year', unknown: true },
    },
    others: { target: 'public.others', partition: { key: 'day', kind: 'date', grain: 'year' } },
    gone: { target: 'public.gone', partition: { key: 'day', kind: 'date', grain: 'year' } },
  },
}

async function place(options: SiteOptions) {
  const stack = new AsyncDisposableStack()
  const site = stack.use(await restoreSite(options))
  const warehouse = stack.use(testWarehouse(file))
  const run = (words: string[], more: CliOptions = {}): Promise<CliResult> =>
    dwh(['restore', ...words, '--folder', site.folder], {
      cwd: warehouse.folder,
      ...more,
      env: { ...targetEnvironment(site.target), ...more.env },
    })
  return {
    ...{ site, run, latest: (...words: string[]) => run(['--latest', 'facts', '--yes', ...words]) },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Everything of the table that a restore must bring back, as the catalogue says it, and its rows. */
async function pictureOf(site: Site): Promise<object> {
  await using session = await site.open()
  const leaves = await session.rows(`
    SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound, c.reloptions, c.relacl::text AS acl,
           pg_get_userbyid(c.relowner) AS owner, obj_description(c.oid, 'pg_class') AS comment,
           ARRAY(SELECT regexp_replace(pg_get_indexdef(x.indexrelid), ' INDEX facts_2022\\S+', '') || coalesce(obj_description(x.indexrelid, 'pg_class'), '') || x.indisvalid
                   FROM pg_index AS x WHERE x.indrelid = c.oid ORDER BY 1) AS indexes,
           ARRAY(SELECT k.conname || ' ' || pg_get_constraintdef(k.oid) || (k.conparentid <> 0)
                   FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype <> 'n' ORDER BY 1) AS constraints
      FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'public.facts'::regclass ORDER BY 1`)
  const rows = await session.rows(
    'SELECT tableoid::regclass::text AS leaf, count(*), sum(hashtextextended(facts::text, 0)) AS hash FROM public.facts GROUP BY 1 ORDER BY 1',
  )
  return { leaves, rows }
}

const tablesOf = async (site: Site) => {
  await using session = await site.open()
  const rows = await session.rows<{ name: string }>(
    "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ 'restore' ORDER BY 1",
  )
  return rows.map(({ name }) => name)
}

const damage = async (site: Site, statements = "UPDATE public.facts_2023 SET label = 'lost'") => {
  await using session = await site.open()
  await session.run(statements)
}

const template = databaseTemplate(server, facts)

test('damaged and missing leaves are there again with all that they had, and back, and let go', async () => {
  await using reader = await freshRole(server, 'reader')
  await using at = await place({
    template: template.name,
    prepare: (session) => session.run(`GRANT SELECT ON public.facts_2023 TO "${reader.name}"`),
  })
  const { site, run, latest } = at
  const before = await pictureOf(site)
  await damage(
    site,
    "UPDATE public.facts_2023 SET label = 'lost'; DROP TABLE public.facts_2022; UPDATE public.facts_unknown SET amount = 7",
  )
  const damaged = await pictureOf(site)
  const planned = await latest('--dry-run', '--json')
  expect(planned).toMatchObject({ code: 0 })
  expect(JSON.parse(planned.stdout)).toMatchObject([
    {
      ...{ backup: site.backup, dataset: 'facts', table: 'public.facts', exchanges: true, leftovers: [] },
      leaves: [
        { leaf: 'facts_2021', exists: true, kept: expect.stringMatching(/^facts_2021_before_restore_/) },
        { leaf: 'facts_2022', exists: false, kept: null },
        { leaf: 'facts_2023', exists: true },
        { leaf: 'facts_2024', exists: true },
        { leaf: 'facts_unknown', exists: true, bound: 'DEFAULT' },
      ],
    },
  ])
  const restored = await latest('--partition', '2023-05', '--from', '2022-06', '--to', '2023', '--json')
  expect(restored).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /leaves are restored whole: facts_2022 is all of 2022-01-01 to 2023-01-01; facts_2023 is all/,
    ),
  })
  const [result] = JSON.parse(restored.stdout)
  expect(result).toMatchObject({
    ...{ backup: site.backup, exchanged: true },
    leaves: [
      { leaf: 'public.facts_2022', compared: 'hash', kept: null, beside: null, resumed: false },
      { leaf: 'public.facts_2023', compared: 'hash', rows: expect.any(Number) },
    ],
  })
  expect(await latest('--partition', 'facts_unknown')).toMatchObject({ code: 0 })
  expect(await pictureOf(site)).toEqual(before)
  expect(await tablesOf(site)).toHaveLength(2)

  // What is taken back is what was done last.
  expect(await run(['--undo', 'facts', '--yes'])).toMatchObject({ code: 0 })
  const undone = await run(['--undo', 'facts', '--yes', '--json'])
  expect(undone).toMatchObject({ code: 0, stderr: expect.stringContaining('facts_2022 was missing') })
  expect(await pictureOf(site)).toEqual(damaged)
  expect(await run(['--undo', 'facts', '--yes'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing was changed'),
  })
  expect(await run(['--finish', 'facts', '--yes'])).toMatchObject({ code: 0 })
  expect(await tablesOf(site)).toEqual([])
  await using session = await site.open()
  expect(
    await session.rows(
      "SELECT command, exit_code, datasets FROM dwh.runs WHERE exit_code = 0 AND words[2] = '--finish'",
    ),
  ).toEqual([{ command: 'restore', exit_code: 0, datasets: ['facts'] }])
})

test('beside, then resumed; who reads and writes the table goes on until the exchange', async () => {
  await using at = await place({ template: template.name })
  const { site, run, latest } = at
  const before = await pictureOf(site)
  await damage(site)
  const damaged = await pictureOf(site)
  const yes = ['--latest', 'facts', '--yes']
  await using reader = await site.open()
  await reader.run('BEGIN; SELECT 1 FROM public.facts LIMIT 1')
  const beside = await latest('--partition', '2023', '--beside')
  expect(beside).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /no leaf was touched. Compare:\n {2}TABLE public.facts_2023_restore_\w+ {2}with/,
    ),
  })
  expect(await pictureOf(site)).toEqual(damaged)
  const refused = await run([...yes, '--partition', '2023'], { env: { DWH_LOCK_ATTEMPTS: '2' } })
  await reader.run('COMMIT')
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      new RegExp(`error LOCK_HELD .*session ${reader.pid}[\\s\\S]*no leaf of public.facts is half exchanged`),
    ),
  })
  expect(await pictureOf(site)).toEqual(damaged)
  const done = await latest('--partition', '2023', '--json')
  expect(done.stderr).toContain('resumed: it is proved')
  expect(JSON.parse(done.stdout)).toMatchObject([{ exchanged: true, leaves: [{ resumed: true }] }])
  expect(await pictureOf(site)).toEqual(before)
  expect(await run(['--finish', 'facts', '--yes'])).toMatchObject({ code: 0 })
  expect(await tablesOf(site)).toEqual([])
}, 60_000)

test('a sealed leaf is sealed again', async () => {
  const seal = async (session: Session) => {
    const row = await session.one<{ oid: number; seal: string }>(`
        WITH s AS (INSERT INTO dwh.seals (warehouse, dataset, schema_name, table_name, leaf_schema, leaf_name, leaf_oid)
          VALUES ('test', 'facts', 'public', 'facts', 'public', 'facts_2023', 'public.facts_2023'::regclass) RETURNING *)
        SELECT leaf_oid::bigint AS oid, seal::text AS seal FROM s`)
    await resealLeaves(session, quietWork(), [{ schema: 'public', name: 'facts_2023', ...row }])
  }
  await using at = await place({ template: template.name, prepare: seal })
  await damage(
    at.site,
    'ALTER TABLE public.facts_2023 DISABLE TRIGGER USER; DELETE FROM public.facts_2023; ALTER TABLE public.facts_2023 ENABLE ALWAYS TRIGGER dwh_sealed',
  )
  expect(await at.latest('--partition', '2023')).toMatchObject({ code: 0 })
  await using session = await at.site.open()
  await expect(session.run('DELETE FROM public.facts_2023')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
  expect(
    await session.rows(
      "SELECT unsealed_at IS NULL AS open, leaf_oid = 'public.facts_2023'::regclass AS here, void_reason FROM dwh.seals ORDER BY sealed_at DESC LIMIT 2",
    ),
  ).toEqual([
    { open: true, here: true, void_reason: null },
    { open: false, here: false, void_reason: 'the leaf was restored' },
  ])
  expect(await at.run(['--undo', 'facts', '--yes'])).toMatchObject({ code: 0 })
  await expect(session.run('TRUNCATE public.facts_2023')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
})

test('what stands in the way is named, and nothing is changed', async () => {
  await using at = await place({ template: template.name })
  const { site, run, latest } = at
  const refusal = async (words: string[], code: number, message: RegExp) => {
    const before = await pictureOf(site)
    expect(await run(words)).toMatchObject({ code, stderr: expect.stringMatching(message) })
    expect(await pictureOf(site)).toEqual(before)
    expect(await tablesOf(site)).toEqual([])
  }
  await damage(
    site,
    `
      CREATE VIEW public.seen AS SELECT label FROM public.facts_2021;
      CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER own BEFORE INSERT ON public.facts_2021 FOR EACH ROW EXECUTE FUNCTION public.stamp();
      UPDATE public.facts_2023 SET label = 'lost'`,
  )
  const yes = ['--latest', 'facts', '--yes']
  await refusal(
    [...yes, '--partition', '2021'],
    1,
    /on public.facts_2021 hang .*: trigger own; view public.seen; nothing was changed/,
  )
  await refusal(
    [...yes, '--partition', '1999'],
    2,
    /no leaf of facts for 1999[\s\S]*it has facts_2021, facts_2022/,
  )
  await refusal([...yes, '--partition', 'bogus'], 2, /"bogus" is neither a period/)
  await refusal(['--latest', 'gone', '--yes'], 2, /no backup .* has leaves of public.gone/)
  await refusal([site.backup, 'gone', '--yes'], 1, /there is no table public.gone .*[\s\S]*--into NAME/)
  await refusal([site.backup, 'others', '--yes'], 1, /public.others is a plain table/)
  await refusal(['--latest', '--partition', '2023', '--yes'], 2, /go with datasets/)
  await damage(
    site,
    "DROP TABLE public.facts_2024; INSERT INTO public.facts (day, amount) VALUES ('2024-06-01', 1)",
  )
  await refusal(
    [...yes, '--partition', '2024'],
    1,
    /error ROWS_UNFIT public.facts_unknown holds rows that belong into public.facts_2024; nothing was changed[\s\S]*move them/,
  )
  await damage(
    site,
    `DELETE FROM public.facts_unknown WHERE day = '2024-06-01';
     CREATE TABLE public.facts_2024 PARTITION OF public.facts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')`,
  )

  await damage(
    site,
    'DELETE FROM public.things WHERE id = 3; ALTER TABLE public.facts ADD COLUMN extra int, DROP COLUMN thing',
  ).catch(() => {})
  await damage(site, 'ALTER TABLE public.facts ADD COLUMN extra int, DROP COLUMN thing')
  await refusal(
    [...yes, '--partition', '2023'],
    1,
    /thing of public.facts_2023 are not there any more; extra have come since/,
  )
  await damage(site, 'ALTER TABLE public.facts DROP COLUMN extra, ADD COLUMN thing bigint')
  // The rows are those of the backup, and are not what the manifest says.
  await forge(site, (manifest) => {
    for (const table of manifest.tables) if (table.name === 'facts_2023') table.hash_1 = '1'
  })
  const different = await latest('--partition', '2023')
  expect(different).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /PROOF_FAILED .*facts_2023 has other values; no leaf of public.facts was touched[\s\S]*--anew/,
    ),
  })
  expect(await tablesOf(site)).toHaveLength(1)
  await damage(
    site,
    "DROP TABLE public.facts_2022; CREATE TABLE public.facts_2022h PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2022-07-01')",
  )
  const anew = await latest('--partition', '2022', '--anew')
  expect(anew).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /facts_2022 of the backup holds 2022-01-01 to 2023-01-01, which public.facts_2022h holds in other parts now/,
    ),
  })
  expect(await latest('--partition', '2024', '--anew')).toMatchObject({ code: 0 })
  expect(await tablesOf(site)).toEqual([expect.stringMatching(/^facts_2024_before_restore_/)])
}, 60_000)

const moments: Record<string, Moment> = {
  'before anything is made': { type: 'step', step: 'leaves', state: 'started' },
  'after the first leaf': { type: 'progress', step: 'leaves' },
  'before the exchange': { type: 'step', step: 'exchange', state: 'started' },
  'after the exchange': { type: 'step', step: 'exchange', state: 'done' },
}
const chosen = Object.entries(moments).filter((_, n) => everyFault || n === 1 || n === 2)

test.each(chosen)('killed %s, the same command ends it', async (_, killAt) => {
  await using at = await place({ template: template.name })
  const { site, run, latest } = at
  const before = await pictureOf(site)
  await damage(site, "UPDATE public.facts SET label = 'lost' WHERE day >= '2022-01-01'")
  const damaged = await pictureOf(site)
  const words = ['--latest', 'facts', '--from', '2022', '--yes']
  expect(await run(words, { killAt })).toMatchObject({ signal: 'SIGKILL' })
  const isOver = killAt === moments['after the exchange']
  expect(await pictureOf(site)).toEqual(isOver ? before : damaged)
  const again = await latest('--from', '2022')
  expect(again).toMatchObject({ code: 0 })
  expect(await pictureOf(site)).toEqual(before)
  expect(await run(['--finish', 'facts', '--yes'])).toMatchObject({ code: 0 })
  expect(await tablesOf(site)).toEqual([])
})
