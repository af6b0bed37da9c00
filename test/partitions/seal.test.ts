import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test, vi } from 'vitest'
import { startRun } from '../../src/ledger/runs.ts'
import { readSeals, sealedLeaves } from '../../src/ledger/seals.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { listLeaves } from '../../src/partitions/list.ts'
import { planSeal, sealLeaves } from '../../src/partitions/seal.ts'
import { planUnseal, unsealLeaves } from '../../src/partitions/unseal.ts'
import { ident } from '../../src/postgres/identifiers.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { Session } from '../../src/postgres/session.ts'
import { databaseTemplate, freshDatabase, freshRole } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { ownServer } from '../support/own-server.ts'
import { server, servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'
import { datasetOf } from './policies.ts'
import { seal, told } from './sealing.ts'

const years = { key: 'd', grain: 'year', from: '2022', until: '2025', premake: 0, unknown: true }
const facts = datasetOf('public.facts', years)

const tables = `
  SET search_path = public;
  CREATE TYPE mood AS ENUM ('sad', 'glad');
  CREATE DOMAIN moods AS mood[];
  CREATE TABLE clients (client int PRIMARY KEY);
  CREATE TABLE towns (town int PRIMARY KEY);
  INSERT INTO clients VALUES (1), (2); INSERT INTO towns VALUES (1), (2);
  CREATE TABLE facts (d date, n int, code varchar(10), m moods, twice int GENERATED ALWAYS AS (n * 2) STORED,
                      client int REFERENCES clients ON DELETE CASCADE, town int REFERENCES towns ON DELETE SET NULL,
                      UNIQUE (d, n)) PARTITION BY RANGE (d);
  CREATE TABLE facts_2022 PARTITION OF facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
  CREATE TABLE facts_2023 PARTITION OF facts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
  CREATE TABLE facts_2024 PARTITION OF facts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
  CREATE TABLE facts_unknown PARTITION OF facts DEFAULT;
  INSERT INTO facts (d, n, code, m, client, town) SELECT '2022-03-01'::date + i, i, 'a', '{sad}', i % 2 + 1, 1 FROM generate_series(1, 600) AS i`

async function build(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  await session.run(tables)
  await seal(session, facts, 'facts_2023')
}

/** The rows of the sealed leaf and how they look. */
const content = (session: Session) =>
  session.one<{ n: number; hash: string }>(
    'SELECT count(*) AS n, sum(hashtext(f::text)) AS hash FROM public.facts_2023 AS f',
  )

describe.each(servers)('a sealed leaf on $name', (server) => {
  const template = databaseTemplate(server, build)

  test('refuses whatever is written, whichever way and by whom; other leaves do not notice', async () => {
    await using clerk = await freshRole(server, 'clerk')
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('SET search_path = public')
    const before = await content(session)
    const ways: [word: string, statement: string][] = [
      ['INSERT', `INSERT INTO facts (d, n) VALUES ('2023-05-01', 5000)`],
      ['INSERT', `INSERT INTO facts_2023 (d, n) VALUES ('2023-05-01', 5000)`],
      ['INSERT', `INSERT INTO facts (d, n) SELECT d, n FROM facts_2023 ON CONFLICT DO NOTHING`],
      ['INSERT', `UPDATE facts SET d = '2023-05-01' WHERE d = '2022-05-01'`],
      ['UPDATE', `UPDATE facts SET d = '2022-01-01' WHERE d = '2023-05-01'`],
      ['UPDATE', `UPDATE facts SET code = code`],
      [
        'UPDATE',
        `WITH changed AS (UPDATE facts_2023 SET n = 7000 WHERE d = '2023-05-01' RETURNING *) SELECT FROM changed`,
      ],
      ['DELETE', `DELETE FROM facts WHERE d = '2023-05-01'`],
      [
        'UPDATE',
        `MERGE INTO facts AS f USING (VALUES (date '2023-05-01')) AS s (d) ON f.d = s.d WHEN MATCHED THEN UPDATE SET code = 'b'`,
      ],
      [
        'DELETE',
        `MERGE INTO facts AS f USING (VALUES (date '2023-05-01')) AS s (d) ON f.d = s.d WHEN MATCHED THEN DELETE`,
      ],
      [
        'INSERT',
        `MERGE INTO facts AS f USING (VALUES (date '2023-05-01')) AS s (d) ON false WHEN NOT MATCHED THEN INSERT (d) VALUES (s.d)`,
      ],
      ['TRUNCATE', 'TRUNCATE facts_2023'],
      ['TRUNCATE', 'TRUNCATE facts'],
      ['TRUNCATE', 'TRUNCATE clients CASCADE'],
      ['DELETE', 'DELETE FROM clients WHERE client = 1'],
      ['UPDATE', 'DELETE FROM towns WHERE town = 1'],
    ]
    const refusals = (words: string) => ({
      code: 'LEAF_SEALED',
      exit: 1,
      message: expect.stringContaining(`public.facts_2023 is sealed: ${words} refused`),
      hint: 'type: dwh partitions unseal facts facts_2023',
      cause: { code: '55000', schema: 'public', table: 'facts_2023' },
    })
    for (const [word, statement] of ways)
      await expect(session.run(statement), statement).rejects.toMatchObject(refusals(word))
    const copy = session.copyIn(
      'COPY facts (d, n) FROM STDIN',
      Buffer.from('2022-01-01\t9000\n2023-05-01\t9001\n'),
    )
    await expect(copy).rejects.toMatchObject(refusals('INSERT'))
    await session.run('SET session_replication_role = replica')
    for (const [word, statement] of ways.filter(([, statement]) => !/clients|towns/.test(statement)))
      await expect(session.run(statement), statement).rejects.toMatchObject(refusals(word))
    await session.run('SET session_replication_role = origin')
    // Whom nothing in the schema of the ledger belongs to.
    await session.run(
      `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${ident(clerk.name)}; SET ROLE ${ident(clerk.name)}`,
    )
    await expect(session.run('DELETE FROM facts WHERE n = 500')).rejects.toMatchObject(refusals('DELETE'))
    await expect(session.run('DELETE FROM dwh.seals')).rejects.toThrow('permission denied')
    await session.run('RESET ROLE')

    expect(await content(session)).toEqual(before)
    await session.run(`
      UPDATE facts SET code = 'b' WHERE d < '2023-01-01'; INSERT INTO facts (d, n) VALUES ('2022-01-01', 1), (NULL, 1);
      UPDATE facts SET d = '2024-01-01' WHERE d = '2022-01-01'; DELETE FROM facts WHERE d >= '2024-01-01'; TRUNCATE facts_2022`)
    expect(await session.copyIn('COPY facts (d, n) FROM STDIN', Buffer.from('2022-01-01\t9000\n'))).toBe(1)
    expect(await content(session)).toEqual(before)
    expect(await told(session)).toEqual(['facts_2023: sealed'])
  })

  test('holds whatever upkeep does, and what happens to other leaves', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('SET search_path = public')
    const before = await content(session)
    const upkeep = [
      'VACUUM facts_2023',
      'VACUUM (FREEZE, ANALYZE) facts_2023',
      'ANALYZE facts',
      'VACUUM (FREEZE)',
      'CREATE INDEX ON facts (code)',
      'CREATE INDEX CONCURRENTLY own ON facts_2023 (n)',
      'REINDEX TABLE CONCURRENTLY facts_2023',
      'REINDEX TABLE pg_trigger',
      'VACUUM FULL pg_trigger',
      'VACUUM FULL pg_inherits',
      'VACUUM FULL pg_proc',
      'VACUUM FULL pg_attribute',
      'CHECKPOINT',
      `ALTER TABLE facts ADD CHECK (n >= 0)`,
      'ALTER TABLE facts ALTER COLUMN d SET NOT NULL',
      'ALTER TABLE facts ALTER COLUMN n SET DEFAULT 1',
      'ALTER TABLE facts_2023 ALTER COLUMN n SET STATISTICS 500, ALTER COLUMN code SET STORAGE external',
      'ALTER TABLE facts_2023 SET (fillfactor = 100), ENABLE ROW LEVEL SECURITY',
      `COMMENT ON TABLE facts_2023 IS 'closed'; COMMENT ON TRIGGER dwh_sealed ON facts_2023 IS 'seal'`,
      'GRANT SELECT ON facts_2023 TO PUBLIC',
      `ALTER TYPE mood ADD VALUE 'so so' BEFORE 'glad'`,
      'ALTER TYPE mood RENAME TO humour; ALTER TABLE facts RENAME TO happened; ALTER TABLE happened RENAME TO facts',
      'CREATE TRIGGER own BEFORE UPDATE ON facts_2023 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      'DROP TRIGGER own ON facts_2023; DROP INDEX own',
      'ALTER TABLE facts DETACH PARTITION facts_2022; DROP TABLE facts_2022; VACUUM FULL facts_2024',
    ]
    for (const statement of upkeep) {
      for (const one of statement.split('; ')) await session.run(one)
      expect([statement, await told(session)]).toEqual([statement, ['facts_2023: sealed']])
    }
    expect(await content(session)).toEqual(before)
  })

  const voids: [statement: string, why: string | RegExp][] = [
    ['ALTER TABLE facts_2023 DISABLE TRIGGER dwh_sealed', 'trigger dwh_sealed is disabled'],
    ['ALTER TABLE facts_2023 DISABLE TRIGGER dwh_sealed_truncate', 'trigger dwh_sealed_truncate is disabled'],
    [
      'ALTER TABLE facts_2023 DISABLE TRIGGER USER',
      /^trigger dwh_sealed is disabled, trigger dwh_sealed_truncate is disabled$/,
    ],
    [
      'ALTER TABLE facts_2023 DISABLE TRIGGER dwh_sealed; ALTER TABLE facts_2023 ENABLE ALWAYS TRIGGER dwh_sealed',
      'trigger dwh_sealed was changed',
    ],
    ['ALTER TABLE facts_2023 ENABLE TRIGGER dwh_sealed', 'trigger dwh_sealed does not always fire'],
    ['DROP TRIGGER dwh_sealed ON facts_2023', 'trigger dwh_sealed was dropped'],
    ['DROP TRIGGER dwh_sealed_truncate ON facts_2023', 'trigger dwh_sealed_truncate was dropped'],
    [
      'DROP TRIGGER dwh_sealed ON facts_2023; DROP TRIGGER dwh_sealed_truncate ON facts_2023',
      'trigger dwh_sealed was dropped, trigger dwh_sealed_truncate was dropped',
    ],
    ['ALTER TRIGGER dwh_sealed ON facts_2023 RENAME TO x', 'trigger dwh_sealed was dropped'],
    [
      `DO $$ DECLARE v_definition text := pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'dwh_sealed'; BEGIN
         DROP TRIGGER dwh_sealed ON facts_2023; EXECUTE v_definition; ALTER TABLE facts_2023 ENABLE ALWAYS TRIGGER dwh_sealed; END $$`,
      'trigger dwh_sealed is another one',
    ],
    [
      `CREATE OR REPLACE TRIGGER dwh_sealed BEFORE INSERT ON facts_2023 FOR EACH ROW WHEN (false) EXECUTE FUNCTION dwh.refuse_sealed()`,
      'trigger dwh_sealed does not always fire',
    ],
    [
      `DO $$ DECLARE v_definition text := pg_get_functiondef('dwh.refuse_sealed'::regproc); BEGIN
         CREATE OR REPLACE FUNCTION dwh.refuse_sealed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         EXECUTE v_definition; END $$`,
      'dwh.refuse_sealed() was replaced',
    ],
    ['ALTER TABLE facts DETACH PARTITION facts_2023', 'it was detached'],
    [
      `ALTER TABLE facts DETACH PARTITION facts_2023; ALTER TABLE facts ATTACH PARTITION facts_2023 FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')`,
      'it was detached and attached again',
    ],
    ['DROP TABLE facts_2023', 'it is gone'],
    ['DROP TABLE facts CASCADE', 'it is gone'],
    [
      'ALTER TABLE facts_2023 DISABLE TRIGGER USER; TRUNCATE facts_2023; ALTER TABLE facts_2023 ENABLE ALWAYS TRIGGER dwh_sealed',
      /trigger dwh_sealed was changed, .*it was rewritten or truncated$/,
    ],
    ['CLUSTER facts_2023 USING facts_2023_d_n_key', 'it was rewritten or truncated'],
    ['ALTER TABLE facts_2023 SET UNLOGGED', 'it was rewritten or truncated'],
    [
      'ALTER TABLE facts ALTER COLUMN client TYPE bigint',
      'it was rewritten or truncated, columns were changed: client',
    ],
    ['ALTER TABLE facts ALTER COLUMN code TYPE varchar(20)', 'columns were changed: code'],
    ['ALTER TABLE facts ADD COLUMN a int DEFAULT 1', 'columns were changed: a'],
    ['ALTER TABLE facts DROP COLUMN code', 'columns were changed: code'],
    [
      'ALTER TABLE facts DROP COLUMN code; ALTER TABLE facts ADD COLUMN code varchar(10)',
      'columns were changed: code',
    ],
    ['ALTER TABLE facts RENAME COLUMN code TO kode', 'columns were changed: code, kode'],
    ['ALTER TABLE facts ALTER COLUMN twice DROP EXPRESSION', 'columns were changed: twice'],
    [`ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, 'labels of an enum were changed'],
    ['ALTER TABLE facts_2023 RENAME TO facts_old', 'it was public.facts_2023'],
    ['CREATE SCHEMA attic; ALTER TABLE facts_2023 SET SCHEMA attic', 'it was public.facts_2023'],
    [
      'ALTER TABLE facts_2023 RENAME TO facts_old; CREATE TABLE facts_2023 (LIKE facts_old INCLUDING ALL)',
      'it was public.facts_2023',
    ],
  ]
  if (server.binaries.major >= 17)
    voids.push([
      'ALTER TABLE facts ALTER COLUMN twice SET EXPRESSION AS (n * 3)',
      'it was rewritten or truncated, columns were changed: twice',
    ])

  test('is void once somebody may have changed its rows unseen, and not when that is rolled back', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('SET search_path = public')
    for (const [statement, why] of voids) {
      await session.run('BEGIN')
      await session.run(statement)
      const [now] = await readSeals(session)
      const wanted = typeof why === 'string' ? why : expect.stringMatching(why)
      expect([statement, now]).toMatchObject([statement, { state: 'void', why: wanted }])
      await session.run('ROLLBACK')
      expect([statement, await told(session)]).toEqual([statement, ['facts_2023: sealed']])
    }
  })

  test('that is void can be sealed anew, as another seal, and unsealed', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('SET search_path = public')
    const [first] = await readSeals(session)
    await session.run('VACUUM FULL facts_2023')
    expect(await told(session)).toEqual(['facts_2023: it was rewritten or truncated'])
    await expect(session.run('DELETE FROM facts WHERE n = 500')).rejects.toThrow('is sealed')
    const states = async () =>
      (await listLeaves(session, facts, false)).leaves.map(({ leaf, state }) => `${leaf} ${state}`)
    expect(await states()).toContain('facts_2023 seal void')
    expect(await planSeal(session, facts, { names: ['facts_2023'] })).toMatchObject({
      leaves: [{ name: 'facts_2023', void: { seal: first?.seal } }],
      sealed: [],
    })
    const [anew] = await seal(session, facts, 'facts_2023', 'facts_2022', 'facts_2022')
    expect(anew?.seal).not.toBe(first?.seal)
    expect(await told(session)).toEqual(['facts_2022: sealed', 'facts_2023: sealed'])
    expect(await states()).toEqual([
      'facts_2022 sealed',
      'facts_2023 sealed',
      'facts_2024 ok',
      'facts_unknown ok',
    ])
    // Nothing is left to do.
    expect(await seal(session, facts, 'facts_2022')).toEqual([])
    expect(
      await session.rows(
        `SELECT seal::text, leaf_name, unsealed_at IS NOT NULL AS over, void_reason, run IS NOT NULL AS by_run FROM dwh.seals ORDER BY sealed_at`,
      ),
    ).toMatchObject([
      { seal: first?.seal, over: true, void_reason: 'it was rewritten or truncated', by_run: true },
      { seal: anew?.seal, leaf_name: 'facts_2023', over: false, void_reason: null },
      { leaf_name: 'facts_2022', over: false },
    ])

    // A seal that lost one of its triggers, one whose table is a leaf no more, and one whose table is gone.
    await seal(session, facts, 'facts_2024')
    await session.run(
      'DROP TRIGGER dwh_sealed ON facts_2022; ALTER TABLE facts DETACH PARTITION facts_2023; DROP TABLE facts_2024',
    )
    expect(await told(session)).toEqual([
      'facts_2022: trigger dwh_sealed was dropped',
      'facts_2023: it was detached',
      'facts_2024: it is gone',
    ])
    await expect(planUnseal(session, facts, ['facts_2021'])).rejects.toMatchObject({
      code: 'USAGE',
      message: 'facts has no leaf "facts_2021"; did you mean facts_2022?',
    })
    const some = await planUnseal(session, facts, ['public.facts_2023', 'facts_2024', 'facts_unknown'])
    expect(some).toMatchObject({
      seals: [{ exists: true, isLeaf: false }, { exists: false }],
      open: ['facts_unknown'],
    })
    await unsealLeaves(session, quietWork(), some)
    await unsealLeaves(session, quietWork(), await planUnseal(session, facts))
    expect(await told(session)).toEqual([])
    expect(await session.rows(`SELECT FROM pg_trigger WHERE tgname LIKE 'dwh%'`)).toEqual([])
    await session.run(`UPDATE facts_2023 SET code = 'b'; UPDATE facts SET code = 'b'`)
  })

  test('waits for its writers, lets readers in, and is sealed once by two', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using other = await database.open()
    await using writer = await database.open()
    await writer.run(`BEGIN; INSERT INTO public.facts (d, n) VALUES ('2024-02-01', 1)`)
    const both = Promise.all([seal(session, facts, 'facts_2024'), seal(other, facts, 'facts_2024')])
    await using reader = await database.open()
    await until(reader, `SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.facts_2024'::regclass`)
    expect(await reader.one('SELECT count(*) AS n FROM public.facts_2024')).toEqual({ n: 0 })
    expect(await told(reader)).toEqual(['facts_2023: sealed'])
    await writer.run('COMMIT')
    expect((await both).flat()).toHaveLength(1)
    expect(await reader.one('SELECT count(*) AS n FROM public.facts_2024')).toEqual({ n: 1 })
    expect(await told(reader)).toEqual(['facts_2023: sealed', 'facts_2024: sealed'])
    await reader.run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM public.facts_2022')
    expect(await seal(session, facts, 'facts_2022')).toHaveLength(1)

    // A prepared transaction is a writer too, and names itself.
    await writer.run(
      `BEGIN; INSERT INTO public.facts (n) VALUES (1); PREPARE TRANSACTION 'kept ${database.name}'`,
    )
    vi.stubEnv('DWH_LOCK_ATTEMPTS', '2')
    const held = seal(session, facts, 'facts_unknown')
    await expect(held).rejects.toMatchObject({
      code: 'LOCK_HELD',
      message: expect.stringMatching('a prepared transaction'),
    })
    vi.unstubAllEnvs()
    await writer.run(`ROLLBACK PREPARED 'kept ${database.name}'`)
    expect(
      await session.row(
        `SELECT FROM pg_trigger WHERE tgrelid = 'public.facts_unknown'::regclass AND tgname LIKE 'dwh%'`,
      ),
    ).toBeUndefined()
  })

  test('is told by the snapshot of whoever asks, as its rows are', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using backup = await database.open()
    const [only] = await readSeals(session)
    const { n } = await content(session)
    await backup.run(
      'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; LOCK TABLE public.facts IN ACCESS SHARE MODE',
    )
    const { leaf = 0, seal: uuid } = only ?? {}
    expect(await sealedLeaves(backup)).toEqual(new Map([[leaf, { seal: uuid, state: 'sealed' }]]))
    await session.run(`
      ALTER TABLE public.facts_2023 DISABLE TRIGGER dwh_sealed; INSERT INTO public.facts (d, n) VALUES ('2023-01-01', 0);
      CREATE OR REPLACE FUNCTION dwh.refuse_sealed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`)
    await seal(session, facts, 'facts_2024')
    expect(await sealedLeaves(backup)).toEqual(new Map([[leaf, { seal: uuid, state: 'sealed' }]]))
    expect(await content(backup)).toMatchObject({ n })
    await backup.run('COMMIT')
    expect((await sealedLeaves(backup)).get(leaf)).toMatchObject({
      seal: uuid,
      state: 'void',
      why: 'trigger dwh_sealed is disabled, dwh.refuse_sealed() was replaced',
    })
    expect(await content(backup)).toMatchObject({ n: n + 1 })
    // Of a ledger that is older, or not there.
    await session.run('DROP TABLE dwh.seals')
    expect(await sealedLeaves(session)).toEqual(new Map())
    await session.run('DROP SCHEMA dwh CASCADE')
    expect(await sealedLeaves(session)).toEqual(new Map())
    expect((await listLeaves(session, facts, false)).leaves).toHaveLength(4)
  })

  test('may be any leaf but one whose rows change without a write', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run(`SET search_path = public;
      CREATE TABLE "facts d'été; é" PARTITION OF facts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
      CREATE UNLOGGED TABLE unlogged PARTITION OF facts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE TABLE plain (d date);
      CREATE TABLE cut (d timestamptz) PARTITION BY RANGE (d);
      CREATE FOREIGN TABLE cut_away PARTITION OF cut FOR VALUES FROM ('2020-12-31 23:00Z') TO ('2021-12-31 23:00Z') SERVER s;
      CREATE TABLE cut_2022 PARTITION OF cut FOR VALUES FROM ('2021-12-31 23:00Z') TO ('2022-12-31 23:00Z')`)
    const ending = async (dataset: typeof facts, date: string) => {
      const { leaves, sealed } = await planSeal(session, dataset, { before: Temporal.PlainDate.from(date) })
      return [...leaves, ...sealed].map(({ name }) => name).toSorted()
    }
    await expect(ending(facts, '2022-01-01')).rejects.toMatchObject({
      code: 'TARGET_UNFIT',
      message:
        'public.unlogged is a foreign table or unlogged: its rows may change without a write; nothing was changed',
    })
    await session.run('DROP TABLE unlogged')
    expect(await ending(facts, '2021-12-31')).toEqual([])
    expect(await ending(facts, '2023-12-31')).toEqual(["facts d'été; é", 'facts_2022'])
    expect(await ending(facts, '2024-01-01')).toEqual(["facts d'été; é", 'facts_2022', 'facts_2023'])
    const cut = datasetOf('public.cut', {
      key: 'd',
      kind: 'timestamptz',
      grain: 'year',
      zone: 'Europe/Paris',
    })
    await expect(ending(cut, '2022-12-31')).rejects.toThrow('public.cut_away is a foreign table or unlogged')
    await session.run('DROP FOREIGN TABLE cut_away')
    expect(await ending(cut, '2022-12-31')).toEqual([])
    expect(await ending(cut, '2023-01-01')).toEqual(['cut_2022'])
    for (const [names, message] of [
      [['facts_202'], 'facts has no leaf "facts_202"; did you mean facts_2022?'],
      [['facts_2022', 'facts'], 'facts has no leaf "facts"'],
    ] as const)
      await expect(planSeal(session, facts, { names: [...names] })).rejects.toMatchObject({
        code: 'USAGE',
        message,
      })
    for (const [table, state] of [
      ['plain', 'plain'],
      ['nowhere', 'missing'],
    ])
      await expect(
        planSeal(session, datasetOf(`public.${table}`, years), { names: ['x'] }),
      ).rejects.toMatchObject({
        code: 'TARGET_UNFIT',
        message: `public.${table} is ${state}: only leaves can be sealed`,
      })

    await seal(session, facts, "facts d'été; é", 'public.facts_unknown')
    await expect(session.run(`INSERT INTO facts (d, n) VALUES ('2021-01-01', 1)`)).rejects.toMatchObject({
      message: `public."facts d'été; é" is sealed: INSERT refused`,
      hint: `type: dwh partitions unseal facts 'facts d'\\''été; é'`,
    })
    await expect(session.run('INSERT INTO facts (n) VALUES (1)')).rejects.toMatchObject({
      code: 'LEAF_SEALED',
    })
    // Another leaf takes nothing from one that is sealed.
    await session.run(
      `CREATE TABLE facts_2025 PARTITION OF facts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
    )
    expect(await told(session)).toEqual([
      "facts d'été; é: sealed",
      'facts_2023: sealed',
      'facts_unknown: sealed',
    ])

    // The leaf was replaced by another of its name after the plan.
    const plan = await planSeal(session, facts, { names: ['facts_2024', 'facts_2025'] })
    await session.run(
      `DROP TABLE facts_2025; CREATE TABLE facts_2025 PARTITION OF facts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
    )
    const by = { run: await startRun(session, 'partitions seal', [], 'test', ['facts']), warehouse: 'test' }
    await expect(sealLeaves(session, quietWork(), plan, by)).rejects.toMatchObject({
      code: 'TARGET_UNFIT',
      message: 'public.facts_2025 is another table than it was; it was left alone',
    })
    expect(await told(session)).toContain('facts_2024: sealed')
  })
})

test.each(everyFault ? servers : servers.slice(-1))(
  'a seal outlives autovacuum and a restart of $name',
  async ({ binaries }) => {
    const work = quietWork()
    const settings = {
      autovacuum_naptime: '1s',
      autovacuum_vacuum_cost_delay: 0,
      max_prepared_transactions: 2,
    }
    await using own = await ownServer(binaries, settings)
    {
      await using session = await Session.open(own.target, 'dwh test', work)
      await build(session)
      await session.run(`ALTER TABLE public.facts_2023 SET (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_insert_threshold = 0,
      autovacuum_vacuum_insert_scale_factor = 0, autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0)`)
      await until(
        session,
        `SELECT FROM pg_stat_user_tables WHERE relname = 'facts_2023' AND autovacuum_count > 0 AND autoanalyze_count > 0`,
      )
      expect(await told(session)).toEqual(['facts_2023: sealed'])
    }
    await stopServer(own.folder, work)
    await startServer(own.folder, work, { binaries, settings })
    await using session = await Session.open(own.target, 'dwh test', work)
    expect(await told(session)).toEqual(['facts_2023: sealed'])
    await expect(session.run('DELETE FROM public.facts')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
  },
)

test('a detach that was cut short voids a seal, and a leaf that is half detached cannot be sealed', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await build(session)
  await using reader = await database.open()
  await using detaching = await database.open()
  await session.run('DROP TABLE public.facts_unknown')
  await reader.run('BEGIN; SELECT FROM public.facts')
  const detach = detaching.run('ALTER TABLE public.facts DETACH PARTITION public.facts_2023 CONCURRENTLY')
  const cut = expect(detach).rejects.toThrow()
  await until(session, 'SELECT FROM pg_inherits WHERE inhdetachpending')
  await session.run('SELECT pg_terminate_backend($1, 5000)', [detaching.pid])
  await cut
  await reader.run('COMMIT')
  expect(await readSeals(session)).toMatchObject([{ state: 'void', why: 'it was detached', isLeaf: false }])
  await expect(seal(session, facts, 'facts_2023')).rejects.toMatchObject({
    code: 'TARGET_UNFIT',
    message: 'public.facts_2023 was left half detached; nothing was changed',
  })
})

test('a dump takes the triggers along: in the restored database the seal is void, and is set anew or taken off', async () => {
  await using database = await freshDatabase(server)
  await using copy = await freshDatabase(server)
  {
    await using session = await database.open()
    await build(session)
  }
  const { host, port, user } = database.target
  const at = ['-h', host, '-p', String(port), '-U', user]
  const tool = (name: string) => join(server.binaries.folder, name)
  const dump = execFileSync(tool('pg_dump'), [...at, database.name], { maxBuffer: 2 ** 26 })
  execFileSync(tool('psql'), ['-Xq', '-v', 'ON_ERROR_STOP=1', ...at, copy.name], {
    input: dump,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  await using session = await copy.open()
  expect(await told(session)).toEqual([
    expect.stringMatching(/^facts_2023: trigger dwh_sealed is another one, .*it was rewritten/),
  ])
  await expect(session.run('DELETE FROM public.facts')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
  await seal(session, facts, 'facts_2023')
  expect(await told(session)).toEqual(['facts_2023: sealed'])
  // Triggers of which the ledger knows nothing.
  await session.run('DELETE FROM dwh.seals')
  expect(await told(session)).toEqual(['facts_2023: the ledger does not know its seal'])
  await unsealLeaves(session, quietWork(), await planUnseal(session, facts, ['facts_2023']))
  expect(await told(session)).toEqual([])
  await session.run(`UPDATE public.facts SET code = 'b'`)
})

test('sealing needs no more than the right to the table: an ordinary owner does it', async () => {
  await using owner = await freshRole(server, 'owner')
  await using database = await freshDatabase(server)
  {
    await using session = await database.open()
    await session.run(
      `GRANT CREATE ON DATABASE ${ident(database.name)} TO ${ident(owner.name)}; GRANT CREATE ON SCHEMA public TO ${ident(owner.name)}`,
    )
  }
  await using own = await Session.open({ ...database.target, user: owner.name }, 'dwh test', quietWork())
  await build(own)
  await expect(own.run('DELETE FROM public.facts')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
  await unsealLeaves(own, quietWork(), await planUnseal(own, facts))
  expect(await told(own)).toEqual([])
})
