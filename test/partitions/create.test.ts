import { describe, expect, test } from 'vitest'
import { createLeaves, planDatasetLeaves } from '../../src/partitions/create.ts'
import { leafScript } from '../../src/partitions/script.ts'
import { inspectTarget, serverToday } from '../../src/partitions/tree.ts'
import { ident, literal, type RelationName, relation } from '../../src/postgres/identifiers.ts'
import { Session } from '../../src/postgres/session.ts'
import { freshDatabase, freshRole } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { datasetOf, policyOf } from './policies.ts'

/** Two leaves, and no clock. */
const years = { key: 'd', grain: 'year', from: '2023', until: '2025', premake: 0 }
const short = [20, 20, 500]

async function create(
  session: Session,
  target: string,
  partition: object = years,
  rungs: readonly number[] = [5000],
) {
  const work = quietWork()
  const plan = await planDatasetLeaves(session, datasetOf(target, partition))
  const created = await createLeaves(session, work, plan, rungs)
  return {
    created: created.map(({ name }) => name),
    notes: work.events.filter(({ type }) => type === 'note'),
  }
}

const leafNames = async (session: Session, parent: string) =>
  (
    await session.rows<{ name: string }>(
      'SELECT c.relname::text AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1',
      [parent],
    )
  ).map(({ name }) => name)

describe.each(servers)('leaves on $name', (server) => {
  test('are created while readers and writers of the table have transactions open', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using reader = await database.open()
    await using writer = await database.open()
    await session.run(`CREATE TABLE public.facts (d date, n int) PARTITION BY RANGE (d);
      CREATE TABLE public.facts_2022 PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')`)
    await reader.run('BEGIN; SELECT * FROM public.facts')
    await writer.run(
      `BEGIN; INSERT INTO public.facts VALUES ('2022-05-01', 1); UPDATE public.facts SET n = 2`,
    )
    const { created, notes } = await create(session, 'public.facts', years, [500])
    expect({ created, notes }).toEqual({ created: ['facts_2023', 'facts_2024'], notes: [] })
    await writer.run(`INSERT INTO public.facts VALUES ('2023-05-01', 1), ('2024-05-01', 1); COMMIT`)
    await reader.run('COMMIT')
    expect(await session.one('SELECT count(*) AS n FROM public.facts')).toEqual({ n: 3 })
    expect((await create(session, 'public.facts')).created).toEqual([])
  })

  test('take SHARE UPDATE EXCLUSIVE on the parent and nothing stronger', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.dimension (k int PRIMARY KEY);
      CREATE TABLE public.facts (d date, k int REFERENCES public.dimension, id int GENERATED ALWAYS AS IDENTITY, UNIQUE (d, k)) PARTITION BY RANGE (d);
      CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER touch BEFORE INSERT ON public.facts FOR EACH ROW EXECUTE FUNCTION public.touch();
      CREATE TABLE public.locks (relation text, mode text, tag text);
      CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.locks SELECT relation::regclass::text, mode, tg_tag FROM pg_locks
         WHERE pid = pg_backend_pid() AND relation IN ('public.facts'::regclass, 'public.dimension'::regclass, to_regclass('public.facts_unknown'));
      END $$;
      CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION public.note()`)
    const policy = { ...years, unknown: true }
    await create(session, 'public.facts', policy)
    await create(session, 'public.facts', { ...policy, until: '2026' })
    const locks = await session.rows<{ relation: string; modes: string[] }>(
      'SELECT relation, array_agg(DISTINCT mode ORDER BY mode) AS modes FROM public.locks GROUP BY 1 ORDER BY 1',
    )
    expect(Object.fromEntries(locks.map(({ relation, modes }) => [relation, modes]))).toMatchObject({
      'public.facts': ['AccessShareLock', 'ShareUpdateExclusiveLock'],
      'public.facts_unknown': expect.arrayContaining(['AccessExclusiveLock']),
      'public.dimension': ['AccessShareLock', 'RowShareLock', 'ShareRowExclusiveLock'],
    })
  })

  test('have everything that the parent has', async () => {
    await using owner = await freshRole(server, `the "owner's"\n$dwh$`)
    await using reader = await freshRole(server, 'Leserin é')
    await using writer = await freshRole(server, '-writer')
    await using intruder = await freshRole(server, 'intruder')
    await using space = await freshTablespace(server)
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const lz4 = (
      await session.one<{ lz4: boolean }>(
        `SELECT 'lz4' = ANY (enumvals) AS lz4 FROM pg_settings WHERE name = 'default_toast_compression'`,
      )
    ).lz4
    await session.run(`
      GRANT CREATE ON SCHEMA public TO ${ident(owner.name)};
      CREATE TABLE public.dimension (k int PRIMARY KEY);
      CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := 7; RETURN NEW; END';
      CREATE TABLE public.facts (
        id bigint GENERATED ALWAYS AS IDENTITY,
        d date NOT NULL,
        k int REFERENCES public.dimension,
        n int DEFAULT 3,
        t text COMPRESSION ${lz4 ? 'lz4' : 'pglz'} COLLATE "C",
        doubled int GENERATED ALWAYS AS (n * 2) STORED,
        j jsonb,
        gone int,
        CONSTRAINT positive CHECK (n > 0),
        UNIQUE (id, d)
      ) PARTITION BY RANGE (d) TABLESPACE ${ident(space.name)};
      ALTER TABLE public.facts DROP COLUMN gone;
      ALTER TABLE public.facts ALTER COLUMN t SET STATISTICS 500, ALTER COLUMN j SET STATISTICS 0, ALTER COLUMN j SET STORAGE EXTERNAL,
        ALTER COLUMN t SET (n_distinct = -0.5);
      COMMENT ON TABLE public.facts IS 'it''s $dwh$ "all" \\ here';
      COMMENT ON COLUMN public.facts.t IS 'text';
      CREATE INDEX ON public.facts (n) WITH (fillfactor = 70) WHERE n > 1;
      CREATE STATISTICS public.together (dependencies) ON k, n FROM public.facts;
      CREATE TRIGGER touch BEFORE INSERT ON public.facts FOR EACH ROW EXECUTE FUNCTION public.touch();
      GRANT SELECT ON public.facts TO PUBLIC;
      GRANT SELECT, INSERT ON public.facts TO ${ident(reader.name)} WITH GRANT OPTION;
      GRANT UPDATE (n, t) ON public.facts TO ${ident(writer.name)};
      GRANT SELECT (id) ON public.facts TO ${ident(writer.name)} WITH GRANT OPTION;
      GRANT DELETE ON public.facts TO CURRENT_USER;
      ALTER TABLE public.facts ENABLE ROW LEVEL SECURITY, REPLICA IDENTITY FULL;
      CREATE POLICY everyone ON public.facts USING (n > 0);
      ALTER TABLE public.facts OWNER TO ${ident(owner.name)};
      GRANT DELETE ON public.facts TO CURRENT_USER;
      CREATE TABLE public.oldest PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')
        WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = false) TABLESPACE ${ident(space.name)};
      ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ${ident(intruder.name)};
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO ${ident(reader.name)}`)
    await create(session, 'public.facts')

    const facts = (table: string) =>
      session.one(
        `SELECT pg_get_userbyid(c.relowner) AS owner, obj_description(c.oid, 'pg_class') AS comment, t.spcname AS tablespace,
                (SELECT array_agg(g::text ORDER BY g::text) FROM unnest(c.relacl) AS g) AS acl,
                c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
                (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                          a.attstattarget, a.attstorage, a.attcompression, a.attcollation::regcollation,
                          (SELECT array_agg(g::text ORDER BY g::text) FROM unnest(a.attacl) AS g),
                          (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\\_%'),
                          col_description(c.oid, a.attnum), pg_get_expr(x.adbin, c.oid)) ORDER BY a.attname)
                   FROM pg_attribute AS a LEFT JOIN pg_attrdef AS x ON x.adrelid = c.oid AND x.adnum = a.attnum
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
                (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid)) FROM pg_constraint AS k
                  WHERE k.conrelid = c.oid AND k.contype <> 'n') AS constraints,
                (SELECT array_agg(regexp_replace(pg_get_indexdef(x.indexrelid), '^.* USING', '') ORDER BY 1) FROM pg_index AS x WHERE x.indrelid = c.oid) AS indexes,
                (SELECT count(*) FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) AS triggers,
                (SELECT array_agg(stxkeys::text) FROM pg_statistic_ext WHERE stxrelid = c.oid) IS NOT NULL AS statistics
           FROM pg_class AS c LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace WHERE c.oid = $1::regclass`,
        [table],
      )
    const parent = await facts('public.facts')
    expect(await facts('public.facts_2023')).toEqual(parent)
    expect(await facts('public.facts_2024')).toEqual(parent)
    const storage = (table: string) =>
      session.one(
        `SELECT c.reloptions AS own, t.reloptions AS toast FROM pg_class AS c LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid WHERE c.oid = $1::regclass`,
        [table],
      )
    expect(await storage('public.facts_2024')).toEqual(await storage('public.oldest'))
    expect((await storage('public.facts_2024')).toast).toEqual(['autovacuum_enabled=false'])

    // All of it works: trigger, default, generated and identity column, CHECK, foreign key, unique index.
    await session.run(
      `SET row_security = on; INSERT INTO public.dimension VALUES (1); INSERT INTO public.facts (d, k, t) VALUES ('2024-02-29', 1, 'x')`,
    )
    expect(await session.one('SELECT id, n, doubled FROM public.facts_2024')).toEqual({
      id: 1,
      n: 7,
      doubled: 14,
    })
    await expect(session.run(`INSERT INTO public.facts (d, k) VALUES ('2024-02-29', 2)`)).rejects.toThrow(
      'foreign key',
    )
    await expect(session.run(`UPDATE public.facts SET n = -1`)).rejects.toThrow('positive')
  })

  test('of hostile names are made like any other', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const names = [
      'a"b',
      "it's",
      'two\nlines',
      '$$',
      '$dwh$',
      '-x',
      'Upper',
      'é'.repeat(31),
      'x'.repeat(63),
      '日本',
      '%s',
      'select',
      '\\',
      'a.b',
    ]
    const taken = new Set<string>()
    for (const [n, hostile] of names.entries()) {
      const parent = { schema: names[(n + 3) % names.length] as string, name: hostile }
      const key = names[(n + 5) % names.length] as string
      await session.run(`CREATE SCHEMA IF NOT EXISTS ${ident(parent.schema)};
        CREATE TABLE ${relation(parent)} (${ident(key)} date, ${ident(names[(n + 6) % names.length] as string)} text DEFAULT ${literal(hostile)}) PARTITION BY RANGE (${ident(key)});
        COMMENT ON TABLE ${relation(parent)} IS ${literal(hostile)}; GRANT SELECT (${ident(key)}) ON ${relation(parent)} TO PUBLIC`)
      const { created } = await create(session, relation(parent), { ...years, key, unknown: true })
      expect(created).toHaveLength(3)
      expect((await create(session, relation(parent), { ...years, key, unknown: true })).created).toEqual([])
      await session.run(`INSERT INTO ${relation(parent)} VALUES ('2024-05-01'), (NULL), ('1850-01-01')`)
      for (const name of created) taken.add(relation({ schema: parent.schema, name }))
    }
    expect(taken.size).toBe(names.length * 3)
  })

  test('of the unknown: rows without a key, before the floor and from the ceiling on live there, others not', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (d timestamptz) PARTITION BY RANGE (d)')
    const policy = { ...years, kind: 'timestamptz', zone: 'Europe/Paris', unknown: { leaf: 'Divers "0"' } }
    expect((await create(session, 'public.facts', policy)).created).toEqual([
      'facts_2023',
      'facts_2024',
      'Divers "0"',
    ])
    await session.run(
      `INSERT INTO public.facts VALUES (NULL), ('2022-12-31 22:59:59+00'), ('2022-12-31 23:00+00'), ('infinity'), ('2100-01-01 00:00+01')`,
    )
    expect(
      await session.rows(
        `SELECT tableoid::regclass::text AS leaf, count(*) AS n FROM public.facts GROUP BY 1 ORDER BY 2 DESC`,
      ),
    ).toEqual([
      { leaf: 'public."Divers ""0"""', n: 4 },
      { leaf: 'public.facts_2023', n: 1 },
    ])
    await expect(session.run(`INSERT INTO public.facts VALUES ('2050-01-01')`)).rejects.toMatchObject({
      code: 'ROWS_UNFIT',
      hint: expect.stringMatching('dwh partitions create'),
    })
    expect((await create(session, 'public.facts', { ...policy, until: '2026' })).created).toEqual([
      'facts_2025',
    ])
  })

  test('stay away when the lock is held past the ladder: the error names who holds it, and nothing is changed', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using other = await database.open('nightly index build')
    await session.run('CREATE TABLE public.facts (d date) PARTITION BY RANGE (d)')
    await other.run('BEGIN; LOCK TABLE public.facts IN SHARE UPDATE EXCLUSIVE MODE')
    await expect(create(session, 'public.facts', years, short)).rejects.toMatchObject({
      code: 'LOCK_HELD',
      exit: 6,
      message: expect.stringMatching(
        `session ${other.pid} .*nightly index build.* holds ShareUpdateExclusiveLock on public.facts`,
      ),
    })
    expect(await session.one(`SELECT count(*) AS n FROM pg_class WHERE relname LIKE 'facts%'`)).toEqual({
      n: 1,
    })
  })

  test('wait for a reader of the unknown leaf, and name it', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using reader = await database.open('report')
    await session.run('CREATE TABLE public.facts (d date) PARTITION BY RANGE (d)')
    await create(session, 'public.facts', { ...years, unknown: true })
    await reader.run('BEGIN; SELECT FROM public.facts_unknown')
    const wider = { ...years, unknown: true, until: '2026' }
    await expect(create(session, 'public.facts', wider, short)).rejects.toMatchObject({
      message: expect.stringMatching(
        `session ${reader.pid} .*report.* holds AccessShareLock on public.facts_unknown`,
      ),
    })
    await reader.run('COMMIT')
    expect((await create(session, 'public.facts', wider)).created).toEqual(['facts_2025'])
  })

  test('asked for by two at once are made once', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (d date) PARTITION BY RANGE (d)')
    const work = quietWork()
    const policy = { ...years, grain: 'quarter', unknown: true }
    const plan = await planDatasetLeaves(session, datasetOf('public.facts', policy))
    const sessions = await Promise.all([database.open(), database.open(), database.open()])
    const created = await Promise.all(sessions.map((one) => createLeaves(one, work, plan, [5000])))
    for (const one of sessions) await one[Symbol.asyncDispose]()
    expect(created.flat()).toHaveLength(plan.leaves.length)
    expect(await leafNames(session, 'public.facts')).toEqual(plan.leaves.map(({ name }) => name).toSorted())
  })

  test.each([
    ['a plain table', 'CREATE TABLE public.facts_2024 ()'],
    ['a view', 'CREATE VIEW public.facts_2024 AS SELECT 1 AS a'],
    [
      'a foreign table',
      'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.facts_2024 (d date) SERVER s',
    ],
    [
      'a leaf of another',
      `CREATE TABLE public.other (d date) PARTITION BY RANGE (d); CREATE TABLE public.facts_2024 PARTITION OF public.other DEFAULT`,
    ],
    ['an index', 'CREATE INDEX facts_2024 ON public.facts (d)'],
  ])('whose name belongs to %s are refused, and those before stay', async (_, statement) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE TABLE public.facts (d date) PARTITION BY RANGE (d)`)
    await session.run(statement)
    await expect(create(session, 'public.facts')).rejects.toMatchObject({
      code: 'TARGET_UNFIT',
      message: 'public.facts_2024 exists, but is no leaf of the table; it was left alone',
      hint: expect.stringMatching('rename or drop it'),
    })
    expect(await leafNames(session, 'public.facts')).toEqual(['facts_2023'])
  })

  test('of the dry run are those of the real one', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(
      `CREATE TABLE public.facts (d date, note text DEFAULT 'it''s') PARTITION BY RANGE (d); COMMENT ON TABLE public.facts IS 'it''s'`,
    )
    const plan = await planDatasetLeaves(session, datasetOf('public.facts', { ...years, unknown: true }))
    await session.run('SET default_transaction_read_only = on')
    const script = await leafScript(session, plan)
    expect(script).toMatchSnapshot(server.name)
    expect(await leafNames(session, 'public.facts')).toEqual([])
    await session.run('SET default_transaction_read_only = off')
    await session.run(script)
    expect(await leafNames(session, 'public.facts')).toEqual(['facts_2023', 'facts_2024', 'facts_unknown'])
  })
})

describe.each(servers)('a target that cannot have leaves, on $name', (server) => {
  const partitioned = (by: string) => `CREATE TABLE public.facts (d date, n int) PARTITION BY ${by}`
  const cases: [string, string, RegExp, RegExp, object?][] = [
    ['LIST', partitioned('LIST (d)'), /by LIST of d, the policy says RANGE of d/, /policy/],
    ['HASH', partitioned('HASH (d)'), /by HASH of d/, /policy/],
    ['another column', partitioned('RANGE (n)'), /by RANGE of n, the policy says RANGE of d/, /policy/],
    ['two columns', partitioned('RANGE (d, n)'), /by RANGE of d, n/, /policy/],
    ['an expression', partitioned('RANGE ((d + 1))'), /by RANGE of an expression/, /policy/],
    ['a column and an expression', partitioned('RANGE (d, (n + 1))'), /of an expression/, /policy/],
    [
      'a column of another type',
      partitioned('RANGE (d)'),
      /by date, which is no timestamptz/,
      /partition\.kind/,
      { kind: 'timestamptz' },
    ],
    [
      'partitions of partitions',
      `${partitioned('RANGE (d)')}; CREATE TABLE public.sub PARTITION OF public.facts DEFAULT PARTITION BY RANGE (n)`,
      /partitioned themselves \(sub\)/,
      /one level/,
    ],
    ['a view', 'CREATE VIEW public.facts AS SELECT 1 AS d', /is a view/, /name a table/],
    [
      'a materialized view',
      'CREATE MATERIALIZED VIEW public.facts AS SELECT 1 AS d',
      /is a materialized view/,
      /name a table/,
    ],
    [
      'a foreign table',
      'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.facts (d date) SERVER s',
      /is a foreign table/,
      /name a table/,
    ],
    ['a sequence', 'CREATE SEQUENCE public.facts', /is a sequence/, /name a table/],
    [
      'an inheritance parent',
      'CREATE TABLE public.facts (d date); CREATE TABLE public.child () INHERITS (public.facts)',
      /inheritance tree/,
      /one plain table/,
    ],
    [
      'an inheritance child',
      'CREATE TABLE public.parent (d date); CREATE TABLE public.facts () INHERITS (public.parent)',
      /inheritance tree/,
      /one plain table/,
    ],
    [
      'a leaf',
      `CREATE TABLE public.all (d date) PARTITION BY RANGE (d); CREATE TABLE public.facts PARTITION OF public.all DEFAULT`,
      /is a leaf of another table/,
      /name the parent/,
    ],
    [
      'an unlogged table',
      'CREATE UNLOGGED TABLE public.facts (d date)',
      /is unlogged/,
      /ALTER TABLE public\.facts SET LOGGED/,
    ],
  ]
  // Since PostgreSQL 18 there is no such thing.
  if (server.binaries.major < 18)
    cases.push([
      'an unlogged parent',
      'CREATE UNLOGGED TABLE public.facts (d date) PARTITION BY RANGE (d)',
      /is unlogged/,
      /without UNLOGGED/,
    ])

  test.each(cases)('%s', async (_, statement, message, hint, policy = {}) => {
    await using session = await server.open()
    await session.run('BEGIN')
    await session.run(statement)
    const inspected = inspectTarget(
      session,
      { schema: 'public', name: 'facts' },
      policyOf({ ...years, ...policy }),
    )
    await expect(inspected).rejects.toMatchObject({
      code: 'TARGET_UNFIT',
      exit: 1,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
    await session.run('ROLLBACK')
  })

  test('a plain table and none at all are no error: setup makes them fit', async () => {
    await using session = await server.open()
    const name: RelationName = { schema: 'public', name: 'facts' }
    expect(await inspectTarget(session, name, policyOf(years))).toEqual({ kind: 'missing' })
    await session.run('BEGIN; CREATE TABLE public.facts (d date)')
    expect(await inspectTarget(session, name, policyOf(years))).toMatchObject({ kind: 'plain' })
    await session.run('ROLLBACK')
  })
})

describe('premade leaves', () => {
  test('follow the clock of the server in the zone of the policy', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (d timestamptz) PARTITION BY RANGE (d)')
    const policy = { key: 'd', kind: 'timestamptz', grain: 'day', zone: 'Pacific/Kiritimati', premake: 2 }
    const before = await serverToday(session, 'Pacific/Kiritimati')
    const { created } = await create(session, 'public.facts', policy)
    const after = await serverToday(session, 'Pacific/Kiritimati')
    const expected = (today: typeof before) =>
      [0, 1, 2].map((n) => `facts_${today.add({ days: n }).toString().replaceAll('-', '_')}`)
    expect([expected(before), expected(after)]).toContainEqual(created)
  })

  test('need no more than the right to the table: an ordinary owner makes them', async () => {
    await using owner = await freshRole(server, 'owner')
    await using stranger = await freshRole(server, 'stranger')
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`GRANT CREATE ON SCHEMA public TO ${ident(owner.name)}, ${ident(stranger.name)};
      CREATE TABLE public.facts (d date) PARTITION BY RANGE (d); GRANT ALL ON public.facts TO ${ident(stranger.name)}; ALTER TABLE public.facts OWNER TO ${ident(owner.name)}`)
    const as = (user: string) => Session.open({ ...database.target, user }, 'dwh test', quietWork())
    await using strange = await as(stranger.name)
    await expect(create(strange, 'public.facts')).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      exit: 3,
    })
    expect(await leafNames(session, 'public.facts')).toEqual([])
    await using own = await as(owner.name)
    expect((await create(own, 'public.facts')).created).toEqual(['facts_2023', 'facts_2024'])
  })
})

async function freshTablespace(server: (typeof servers)[number]) {
  const name = `Raum é ${Math.random().toString(36).slice(2)}`
  const run = async (statement: string) => {
    await using session = await server.open()
    await session.run('SET allow_in_place_tablespaces = on')
    await session.run(statement)
  }
  await run(`CREATE TABLESPACE ${ident(name)} LOCATION ''`)
  return { name, [Symbol.asyncDispose]: () => run(`DROP TABLESPACE ${ident(name)}`) }
}
