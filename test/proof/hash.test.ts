import { describe, expect, test } from 'vitest'
import { ident } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import { proofColumns } from '../../src/proof/columns.ts'
import {
  addProofs,
  emptyProof,
  equalProofs,
  type Proof,
  proofVectors,
  proveAlone,
  proveParts,
  proveRelation,
} from '../../src/proof/hash.ts'
import { freshDatabase } from '../support/database.ts'
import { fc } from '../support/random.ts'
import { server, servers } from '../support/servers.ts'

async function columnsOf(session: Session, table: string) {
  const { oid } = await session.one<{ oid: number }>('SELECT $1::regclass::oid::int8 AS oid', [table])
  return proofColumns(session, oid)
}

async function proofOf(session: Session, table: string): Promise<Proof> {
  return proveRelation(session, await columnsOf(session, table), table)
}

const fold = `COLLATION x.fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`

/** Types of every sort that the proof knows. */
const types = `
  CREATE SCHEMA x;
  CREATE ${fold};
  CREATE TYPE x.colour AS ENUM ('red', 'green');
  CREATE TYPE x.pair AS (a int8, b text);
  CREATE DOMAIN x.amount AS numeric;
  CREATE DOMAIN x.big AS int8;
  CREATE DOMAIN x.biggest AS x.big;
  CREATE DOMAIN x.folded AS text COLLATE x.fold;`

/** Values that the proof tells apart, though PostgreSQL calls many of them equal or gives them one hash. */
const apart: [type: string, one: string, other: string][] = [
  ['bool', `'t'`, `'f'`],
  ['int2', '1', 'NULL'],
  ['int4', '0', '1'],
  ['int8', '-1', '4294967295'],
  ['int8', '1', '4294967296'],
  ['x.big', '-1', '4294967295'],
  ['x.biggest', '-1', '4294967295'],
  ['oid', '1', '4294967295'],
  ['text', 'NULL', `''`],
  ['text', `'a'`, `'a '`],
  ['text', `U&'\\00e9'`, `U&'e\\0301'`],
  ['text COLLATE x.fold', `'Résumé'`, `'résumé'`],
  ['x.folded', `'Résumé'`, `'résumé'`],
  ['text[]', `'{NULL}'`, `'{"NULL"}'`],
  ['varchar', `'a'`, `'b'`],
  ['char(3)', `'a'`, `'b'`],
  ['name', `'a'`, `'b'`],
  ['"char"', `'a'`, `'b'`],
  ['"char"', '(-23)::"char"', '(-22)::"char"'],
  ['bytea', `'\\x'`, `'\\x00'`],
  ['bytea', `'\\x00ff'`, `'\\x00fe'`],
  ['date', `'2024-02-29'`, `'2024-03-01'`],
  ['date', `'infinity'`, `'-infinity'`],
  ['time', `'12:00:00.000001'`, `'12:00:00.000002'`],
  ['timetz', `'12:00+00'`, `'13:00+01'`],
  // 2000-01-01 00:00:00 and 2^32 + 1 microseconds before and after: the halves fold alike.
  ['timestamp', `'1999-12-31 22:48:25.032704'`, `'2000-01-01 01:11:34.967295'`],
  [
    'timestamp',
    `timestamp '2000-01-01' - interval '1 us'`,
    `timestamp '2000-01-01' + interval '4294.967295 s'`,
  ],
  [
    'timestamptz',
    `timestamptz '2000-01-01 UTC' - interval '1 us'`,
    `timestamptz '2000-01-01 UTC' + interval '4294.967295 s'`,
  ],
  ['interval', `'1 day'`, `'24 hours'`],
  ['interval', `'1 month'`, `'30 days'`],
  ['numeric', '1.0', '1.00'],
  ['numeric', `'NaN'`, 'NULL'],
  ['numeric(5,2)', '1.1', '1.11'],
  ['x.amount', '1.0', '1.00'],
  ['money', '1.10', '1.11'],
  ['float4', `'-0'`, `'0'`],
  ['float8', `'-0'`, `'0'`],
  ['float8', '0.1', '0.10000000000000002'],
  ['float8[]', `'{0.1}'`, `'{0.10000000000000002}'`],
  ['json', `'{"a": 1}'`, `'{"a":1}'`],
  ['jsonb', `'{"a": 1.0}'`, `'{"a": 1.00}'`],
  ['jsonb', `'{"a": 1}'`, `'{"a": "1"}'`],
  ['jsonb', `'null'`, 'NULL'],
  ['xml', `'<a/>'`, `'<a></a>'`],
  ['uuid', `'00000000-0000-0000-0000-000000000001'`, `'00000000-0000-0000-0000-000000000002'`],
  ['inet', `'192.0.2.1'`, `'192.0.2.1/24'`],
  ['cidr', `'192.0.2.0/24'`, `'192.0.2.0/25'`],
  ['macaddr', `'08:00:2b:01:02:03'`, `'08:00:2b:01:02:04'`],
  ['bit(3)', `B'101'`, `B'100'`],
  ['varbit', `B'1'`, `B'10'`],
  ['point', `'(1,2)'`, `'(2,1)'`],
  ['tsvector', `'a b'`, `'a c'`],
  ['int4range', `'[1,3)'`, `'[1,4)'`],
  ['tstzrange', `'[2024-01-01 00:00+00,)'`, `'[2024-01-01 00:00+01,)'`],
  ['x.colour', `'red'`, `'green'`],
  ['x.colour[]', `'{red}'`, `'{green}'`],
  ['int4[]', `'{1,2}'`, `'{{1,2}}'`],
  ['int4[]', `'{1}'`, `'[2:2]={1}'`],
  ['x.pair', `'(-1,)'`, `'(4294967295,)'`],
  ['x.pair', `'(1,)'`, `'(1,"")'`],
  ['x.pair', `'(,)'`, 'NULL'],
]

/** Values that are written in two ways and are the same to the last bit. */
const same: [type: string, one: string, other: string][] = [
  ['char(3)', `'a'`, `'a  '`],
  ['jsonb', `'{"b": 1, "a": 2}'`, `'{"a":2,"b":0,"b":1}'`],
  ['timestamptz', `'2024-01-01 00:00+00'`, `'2024-01-01 05:45+05:45'`],
  ['numeric(5,2)', '1.1', '1.10'],
  ['float8', `'NaN'`, `'nan'`],
  ['int4[]', `'{1,2}'`, `'[1:2]={1,2}'`],
  ['inet', `'192.0.2.1'`, `'192.0.2.1/32'`],
]

describe.each(servers)('proof on $name', (server) => {
  test('tells two values apart where PostgreSQL calls them equal, and knows one value in two spellings', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(types)
    const cases = [
      ...apart.map((pair) => [...pair, false] as const),
      ...same.map((pair) => [...pair, true] as const),
    ]
    await session.run(`CREATE TABLE x.t (side int, ${cases.map(([type], n) => `c${n} ${type}`).join(', ')})`)
    for (const side of [1, 2] as const) {
      await session.run(`INSERT INTO x.t VALUES (${side}, ${cases.map((values) => values[side]).join(', ')})`)
    }
    const columns = await columnsOf(session, 'x.t')
    const wrong: string[] = []
    for (const [n, [type, one, other, expected]] of cases.entries()) {
      const column = columns.filter(({ name }) => name === `c${n}`)
      const proofs = await proveParts(session, column, 'x.t', 'side')
      if (equalProofs(proofs.get(1) as Proof, proofs.get(2) as Proof) !== expected)
        wrong.push(`${type}: ${one} and ${other}`)
    }
    expect(wrong).toEqual([])
  })

  test('values that change places, between rows or columns, do not go unnoticed', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.t (side int4, a int8, b int4, c text, d numeric)')
    const row = fc.tuple(fc.integer(), fc.integer(), fc.string({ unit: 'grapheme-ascii' }), fc.integer())
    const samples = fc.sample(fc.tuple(row, row), 1000).filter(([one, other]) => one[1] !== other[1])
    const sides = samples.flatMap(([one, other], n) => [
      [2 * n, ...one],
      [2 * n, ...other],
      // The value of b in the one row and in the other are exchanged.
      [2 * n + 1, one[0], other[1], one[2], one[3]],
      [2 * n + 1, other[0], one[1], other[2], other[3]],
    ])
    await session.run(
      'INSERT INTO public.t SELECT (r->>0)::int4, (r->>1)::int8, (r->>2)::int4, r->>3, (r->>4)::numeric ' +
        'FROM json_array_elements($1::json) AS r',
      [JSON.stringify(sides)],
    )
    const columns = (await columnsOf(session, 'public.t')).filter(({ name }) => name !== 'side')
    const proofs = await proveParts(session, columns, 'public.t', 'side')
    const unnoticed = samples.filter(([one, other], n) => {
      const exchanged =
        JSON.stringify([one[0], one[2], one[3]]) !== JSON.stringify([other[0], other[2], other[3]])
      const equal = equalProofs(proofs.get(2 * n) as Proof, proofs.get(2 * n + 1) as Proof)
      return equal === exchanged
    })
    expect(unnoticed).toEqual([])

    // Between two columns of a row.
    await session.run(
      'CREATE TABLE public.one (a int4, b int4, c int4); CREATE TABLE public.other (LIKE public.one)',
    )
    await session.run('INSERT INTO public.one VALUES (1, 2, 3); INSERT INTO public.other VALUES (3, 2, 1)')
    expect(await proofOf(session, 'public.one')).not.toEqual(await proofOf(session, 'public.other'))
  })

  test('the order of rows and columns, their layout and their partitions do not count', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.plain (gone int8, id int8, day date, note text, amount numeric(10,2) DEFAULT 0, twice int8 GENERATED ALWAYS AS (id * 2) STORED);
      INSERT INTO public.plain (gone, id, day, note, amount)
      SELECT i, i, date '2024-01-01' + i % 60, CASE WHEN i % 7 > 0 THEN repeat('é', i % 4000) END, i / 3.0 FROM generate_series(1, 500) AS i;
      ALTER TABLE public.plain DROP COLUMN gone;
      CREATE TABLE public.tree ("Z" int8, note text, twice int8, amount numeric(12,2), id int8, day date) PARTITION BY RANGE (day);
      ALTER TABLE public.tree DROP COLUMN "Z";
      CREATE TABLE public.january PARTITION OF public.tree FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
      CREATE TABLE public.rest (day date, id int8, amount numeric(12,2), twice int8, note text);
      ALTER TABLE public.tree ATTACH PARTITION public.rest DEFAULT;
      INSERT INTO public.tree (id, day, note, amount, twice) SELECT id, day, note, amount, twice FROM public.plain ORDER BY md5(id::text);
      UPDATE public.tree SET note = note WHERE id % 5 = 0;
      DELETE FROM public.tree WHERE id = 77;
      INSERT INTO public.tree (id, day, note, amount, twice) SELECT id, day, note, amount, twice FROM public.plain WHERE id = 77;`)
    const whole = await proofOf(session, 'public.plain')
    expect(whole.rows).toBe(500)
    expect(await proofOf(session, 'public.tree')).toEqual(whole)
    const leaves = [await proofOf(session, 'public.january'), await proofOf(session, 'public.rest')]
    expect(addProofs(leaves)).toEqual(whole)

    await session.run(`UPDATE public.tree SET note = note || ' ' WHERE id = 1`)
    expect(await proofOf(session, 'public.tree')).not.toEqual(whole)
    await session.run(`UPDATE public.tree SET note = rtrim(note) WHERE id = 1`)
    expect(await proofOf(session, 'public.tree')).toEqual(whole)
    await session.run('ALTER TABLE public.tree RENAME COLUMN twice TO double')
    expect(await proofOf(session, 'public.tree')).not.toEqual(whole)
  })

  test('a pair of equal rows that is lost, or comes twice, is missed', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE TABLE public.t AS SELECT 1 AS a, 'x'::text AS b FROM generate_series(1, 4)`)
    const four = await proofOf(session, 'public.t')
    await session.run('DELETE FROM public.t WHERE ctid IN (SELECT ctid FROM public.t LIMIT 2)')
    const two = await proofOf(session, 'public.t')
    expect(two).not.toEqual(four)
    expect(addProofs([two, two])).toEqual(four)
    // The number of rows alone would not tell.
    await session.run(`INSERT INTO public.t VALUES (2, 'y'), (2, 'y')`)
    expect(await proofOf(session, 'public.t')).toMatchObject({ rows: 4 })
    expect(await proofOf(session, 'public.t')).not.toEqual(four)
  })

  test('a table without rows, or without columns, has a proof', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.bare (); CREATE TABLE public.empty (a int8)')
    expect(await proofOf(session, 'public.empty')).toEqual(emptyProof)
    expect(await proofOf(session, 'public.bare')).toEqual(emptyProof)
    await session.run('INSERT INTO public.bare DEFAULT VALUES')
    expect(await proofOf(session, 'public.bare')).toMatchObject({ rows: 1 })
  })

  test('hostile names of columns, tables and schemas are names like others', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const names = [
      'a"b',
      "it's",
      'two\nlines',
      '$$',
      '$dwh$',
      '-x',
      '日本',
      'É'.repeat(31),
      'Upper',
      'select',
    ]
    await session.run(
      `CREATE SCHEMA "s""1"; CREATE TABLE "s""1"."t'1" (${names.map((name) => `${ident(name)} int8`).join(', ')})`,
    )
    await session.run(`INSERT INTO "s""1"."t'1" VALUES (${names.map((_, n) => n).join(', ')})`)
    expect(await proofOf(session, `"s""1"."t'1"`)).toMatchObject({ rows: 1 })
  })

  test('settings of the role or the database do not change it', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE SCHEMA x; CREATE TYPE x.pair AS (a timestamptz, b float8);
      CREATE TABLE x.t (a timestamptz, b interval, c float8[], d bytea[], e money, f x.pair, g tstzrange, h regclass, i daterange, j jsonb, k text[])`)
    await session.run(`INSERT INTO x.t VALUES ('2024-07-01 12:00+00', '1 year 2 days 3 hours', '{0.1,1e23}', '{"\\\\x00"}', '1234.5',
      '("2024-07-01 12:00+00",0.30000000000000004)', '[2024-07-01 12:00+00,)', 'x.t', '[2024-01-02,2024-03-04)', '{"a": 1.10}', '{a,b}')`)
    const before = [await proofOf(session, 'x.t'), await proofVectors(session)]
    const settings = [
      `TimeZone = 'Asia/Kathmandu'`,
      `DateStyle = 'SQL, DMY'`,
      `IntervalStyle = 'sql_standard'`,
      'extra_float_digits = -15',
      `bytea_output = 'escape'`,
      `lc_monetary = 'C.UTF-8'`,
      'standard_conforming_strings = off',
      `search_path = x`,
      `default_transaction_isolation = 'serializable'`,
    ]
    for (const setting of settings) await session.run(`ALTER DATABASE ${ident(database.name)} SET ${setting}`)
    await using other = await database.open()
    expect([await proofOf(other, 'x.t'), await proofVectors(other)]).toEqual(before)
  })

  test('equals the sum of the proofs of its parts, however it is cut', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(
      `CREATE TABLE public.t AS SELECT i % 97 AS a, md5((i % 31)::text) AS b, i::numeric / 7 AS c FROM generate_series(1, 1000) AS i`,
    )
    const columns = await columnsOf(session, 'public.t')
    const whole = await proveRelation(session, columns, 'public.t')
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 50 }), fc.integer(), async (parts, salt) => {
      const part = `nullif(abs(hashint4(a # ${salt}) % ${parts}), 0)`
      const proofs = await proveParts(session, columns, 'public.t', part)
      expect(addProofs(proofs.values())).toEqual(whole)
    })
    await fc.assert(property, { numRuns: 20 })
  })
})

test('two servers agree on the vectors, and on a table of every type', async () => {
  const found = await Promise.all(
    servers.map(async (server) => {
      await using database = await freshDatabase(server)
      await using session = await database.open()
      await session.run(types)
      const column = (type: string, n: number) => `c${n} ${type}`
      await session.run(`CREATE TABLE x.t (${apart.map(([type], n) => column(type, n)).join(', ')})`)
      for (const side of [1, 2] as const) {
        await session.run(`INSERT INTO x.t VALUES (${apart.map((values) => values[side]).join(', ')})`)
      }
      const proof = await proofOf(session, 'x.t')
      expect(await proveAlone(session, await columnsOf(session, 'x.t'), 'x.t')).toEqual(proof)
      return [await proofVectors(session), proof]
    }),
  )
  expect(found[1]).toEqual(found[0])
  // Whoever changes this line changes the algorithm, and its name.
  expect(found[0]?.[0]).toMatchInlineSnapshot(`"record-sum-2x64/3:12292862681371098778:-1307403543347520651"`)
})

test('the vectors hold a value of every type that is not hashed as text', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const { columns } = await session.one<{ columns: string }>(
    `SELECT string_agg(format('%I %s', typname, oid::regtype), ', ') AS columns FROM pg_type
      WHERE typtype = 'b' AND typcategory <> 'A' AND typisdefined AND typnamespace = 'pg_catalog'::regnamespace
        AND typname NOT LIKE 'pg\\_%' AND typname <> 'aclitem'`,
  )
  await session.run(`CREATE TABLE public.t (${columns})`)
  const hashed = (await columnsOf(session, 'public.t')).filter(({ hashed }) => hashed !== 'text')
  const { text } = sql('proof/vectors')
  const spelled = { bool: 'ROW(true' } as Record<string, string>
  const missing = hashed.filter(
    ({ name, hashed }) => !text.includes(spelled[name] ?? (hashed === 'value' ? `::${name}` : `${hashed}(`)),
  )
  expect(hashed.map(({ name }) => name)).toMatchInlineSnapshot(`
    [
      "bool",
      "bpchar",
      "bytea",
      "char",
      "cidr",
      "date",
      "float4",
      "float8",
      "inet",
      "int2",
      "int4",
      "int8",
      "macaddr",
      "name",
      "oid",
      "text",
      "time",
      "timestamp",
      "timestamptz",
      "uuid",
      "varchar",
    ]
  `)
  expect(missing).toEqual([])
})
