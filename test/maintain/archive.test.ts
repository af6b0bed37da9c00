import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)

/** Every type that is stored in another way, with the values that are hard for each. */
const table = `
  CREATE TYPE public.mood AS ENUM ('gut', 'schlecht');
  CREATE TABLE public.events (
    id bigint, day date NOT NULL, at timestamptz, local timestamp, forever timestamptz, price numeric(15,2), exact numeric, nan numeric(6,1),
    small smallint, flag boolean, real4 real, real8 double precision, note text, doc jsonb, raw json, bytes bytea, tags text[], mood public.mood,
    uid uuid, span interval, code char(5), doubled numeric GENERATED ALWAYS AS (price * 2) STORED, "Ödd ""name" int, PRIMARY KEY (id, day)
  ) PARTITION BY RANGE (day);
  CREATE TABLE public.events_2019 PARTITION OF public.events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
  CREATE TABLE public.events_2020 PARTITION OF public.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
  CREATE TABLE public.events_2021 PARTITION OF public.events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
  GRANT SELECT ON public.events_2020 TO PUBLIC;
  INSERT INTO public.events (id, day, at, local, forever, price, exact, nan, small, flag, real4, real8, note, doc, raw, bytes, tags, mood, uid, span, code, "Ödd ""name")
  SELECT 9007199254740993 + n, date '2020-01-01' + n % 366, timestamptz '2020-03-01 12:34:56.789012+00' + n * interval '1 min 1 microsecond',
         timestamp '1969-12-31 23:59:59.999999' - n * interval '1 day', CASE n % 3 WHEN 0 THEN 'infinity'::timestamptz WHEN 1 THEN '-infinity' END,
         (n - 500) / 3.0, n / 7.0, CASE n % 5 WHEN 0 THEN 'NaN'::numeric ELSE n / 10.0 END, n % 100, n % 2 = 0, n / 3.0::real, CASE n WHEN 7 THEN 'NaN' WHEN 8 THEN '-Infinity' WHEN 9 THEN '-0' ELSE n / 3.0 END,
         CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'a "quoted", line\\n\\tbreak \\\\N é😀' ELSE 'note ' || n END,
         jsonb_build_object('n', n, 's', 'é'), '{ "b" : 1,  "a":2 }', decode(lpad(to_hex(n), 8, '0'), 'hex'), ARRAY['a,b', NULL, 'c"d'], CASE WHEN n % 2 = 0 THEN 'gut' ELSE 'schlecht' END::public.mood,
         md5(n::text)::uuid, n * interval '1 day 3 hours', 'ab', n
    FROM generate_series(1, 3000) AS n;
  INSERT INTO public.events (id, day) SELECT n, date '2019-05-01' FROM generate_series(1, 10) AS n;
  INSERT INTO public.events (id, day) SELECT n, date '2021-05-01' FROM generate_series(1, 10) AS n`

const events = {
  target: 'public.events',
  key: ['id', 'day'],
  partition: { key: 'day', kind: 'date', grain: 'year', from: 2019, until: 2022, premake: 0 },
}
const contents =
  "SELECT md5(string_agg(e::text, chr(10) ORDER BY id)) AS rows, count(*) AS n FROM public.events AS e WHERE day >= '2020-01-01' AND day < '2021-01-01'"

/** What DuckDB reads in the Parquet of an archived leaf. */
async function duckdb(folder: string) {
  const duck = await DuckDBConnection.create()
  try {
    await duck.run("SET TimeZone = 'UTC'")
    const rows = async (sql: string) =>
      (await duck.runAndReadAll(sql)).getRowObjectsJson() as Record<string, string>[]
    const file = `'${join(folder, 'data.parquet')}'`
    const columns = await rows(`DESCRIBE SELECT * FROM ${file}`)
    const [facts] = await rows(`
      SELECT count(*)::text AS n, sum(id)::text AS ids, min(day)::text AS first, max(day)::text AS last, sum(epoch_us("at"))::text AS "at",
             min(local)::text AS local, sum(price)::text AS price, md5(string_agg(exact, ',' ORDER BY id)) AS exact,
             count(*) FILTER (WHERE nan = 'NaN')::text AS nans, sum(small)::text AS small, count(*) FILTER (WHERE flag)::text AS flags,
             sum(length(note))::text AS notes, count(note)::text AS noted, sum(regexp_extract(doc, '"n": (\\d+)', 1)::int)::text AS docs,
             lower(max(hex(bytes))) AS bytes, count(*) FILTER (WHERE real8 = '-Infinity'::double)::text AS infinite,
             count(*) FILTER (WHERE forever = 'infinity')::text AS forever, md5(string_agg(doubled, ',' ORDER BY id)) AS doubled, sum("Ödd ""name")::text AS odd
        FROM ${file}`)
    return { types: Object.fromEntries(columns.map((one) => [one.column_name, one.column_type])), facts }
  } finally {
    duck.closeSync()
  }
}

test('out into files, proved, detached, dropped, and back again', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(table.replaceAll('\\\\', '\\'))
  using warehouse = testWarehouse({ datasets: { events }, maintenance: { archive: { keep: '1 day' } } })
  const at = warehouse.at(database.target)
  const before = await session.one(contents)

  const archived = await dwhDone(['partitions', 'archive', 'events', 'events_2020', '--yes', '--json'], at)
  const [{ folder, ...facts }] = JSON.parse(archived.stdout).archived
  expect(facts).toMatchObject({
    leaf: 'public.events_2020',
    rows: 3000,
    aside: 'public.events_2020_archived',
  })
  expect(readdirSync(folder).toSorted()).toEqual(['data.parquet', 'manifest.json'])
  expect(await session.one(contents)).toMatchObject({ n: 0 })
  expect(
    await session.one("SELECT relacl::text AS acl FROM pg_class WHERE relname = 'events_2020_archived'"),
  ).not.toMatchObject({
    acl: like('(^|[{,])=r/'),
  })
  // A gap that was archived is none.
  expect((await dwhDone(['partitions', 'create', '--yes'], at)).stderr).toMatch(/no leaf is missing/)

  expect(await dwh(['partitions', 'drop', 'events', 'events_2020', '--yes'], at)).toMatchObject({
    code: 2,
    stderr: like(/is to be kept until .*--early/s),
  })
  // Nothing goes whose files are not what was written, and nothing that is not what was archived.
  const data = join(folder, 'data.parquet')
  const good = readFileSync(data)
  const bad = Buffer.from(good)
  bad[1000] = (bad[1000] as number) ^ 1
  writeFileSync(data, bad)
  const drop = ['partitions', 'drop', 'events', '--early', '--yes', '--json']
  expect(await dwh(drop, at)).toMatchObject({
    code: 1,
    stderr: like(/INPUT_BROKEN .*has other data than was written/),
  })
  writeFileSync(data, good)
  await session.run('UPDATE public.events_2020_archived SET small = 101 WHERE small = 50')
  expect(await dwh(drop, at)).toMatchObject({ code: 1, stderr: like(/PROOF_FAILED .*are not the same/) })
  await session.run('UPDATE public.events_2020_archived SET small = 50 WHERE small = 101')

  // Back from the table that is still there, and out once more.
  const back = await dwhDone(
    ['partitions', 'thaw', 'events', 'events_2020', '--read-only', '--yes', '--json'],
    at,
  )
  expect(JSON.parse(back.stdout)).toEqual({ thawed: [{ leaf: 'public.events_2020', from: 'table' }] })
  expect(await session.one(contents)).toEqual(before)
  await expect(session.run('DELETE FROM public.events_2020')).rejects.toMatchObject({ code: 'LEAF_SEALED' })
  await dwhDone(['partitions', 'archive', 'events', 'events_2020', '--yes'], at)
  expect(JSON.parse((await dwhDone(drop, at)).stdout)).toEqual({
    dropped: ['"public"."events_2020"'],
    freed: expect.any(Number),
  })
  expect(await session.one("SELECT to_regclass('public.events_2020_archived') AS gone")).toEqual({
    gone: null,
  })

  // Back from the files alone.
  const thawed = await dwhDone(['partitions', 'thaw', 'events', 'events_2020', '--yes', '--json'], at)
  expect(JSON.parse(thawed.stdout)).toEqual({ thawed: [{ leaf: 'public.events_2020', from: 'files' }] })
  expect(await session.one(contents)).toEqual(before)
  expect(
    await session.one(
      "SELECT count(*) AS n FROM pg_index WHERE indrelid = 'public.events_2020'::regclass AND indisvalid",
    ),
  ).toEqual({ n: 1 })
  expect(existsSync(folder)).toBe(true)

  // What has a type of Parquet has it for DuckDB too, and the same values.
  const duck = await duckdb(folder)
  expect(duck).toMatchObject({
    types: {
      ...{
        id: 'BIGINT',
        day: 'DATE',
        at: 'TIMESTAMP WITH TIME ZONE',
        local: 'TIMESTAMP',
        price: 'DECIMAL(15,2)',
      },
      ...{
        small: 'INTEGER',
        flag: 'BOOLEAN',
        real4: 'FLOAT',
        real8: 'DOUBLE',
        note: 'VARCHAR',
        bytes: 'BLOB',
      },
    },
  })
  expect(duck.facts).toEqual(
    await session.one(`
      SELECT count(*)::text AS n, sum(id)::text AS ids, min(day)::text AS first, max(day)::text AS last, sum(extract(epoch FROM at) * 1000000)::bigint::text AS at,
             min(local)::text AS local, sum(price)::text AS price, md5(string_agg(exact::text, ',' ORDER BY id)) AS exact, count(*) FILTER (WHERE nan = 'NaN')::text AS nans,
             sum(small)::text AS small, count(*) FILTER (WHERE flag)::text AS flags, sum(length(note))::text AS notes, count(note)::text AS noted,
             sum((doc ->> 'n')::int)::text AS docs, max(encode(bytes, 'hex')) AS bytes, count(*) FILTER (WHERE real8 = '-Infinity')::text AS infinite,
             count(*) FILTER (WHERE forever = 'infinity')::text AS forever, md5(string_agg(doubled::text, ',' ORDER BY id)) AS doubled, sum("Ödd ""name")::text AS odd
        FROM public.events WHERE day >= '2020-01-01' AND day < '2021-01-01'`),
  )

  // The same as a file of pg_dump, which pg_restore reads too.
  const dumped = await dwhDone(
    ['partitions', 'archive', 'events', 'events_2020', '--format', 'pg_dump', '--yes', '--json'],
    at,
  )
  const [dump] = JSON.parse(dumped.stdout).archived
  expect(readdirSync(dump.folder).toSorted()).toEqual(['data.dump', 'manifest.json'])
  expect(JSON.parse(readFileSync(join(dump.folder, 'manifest.json'), 'utf8'))).toMatchObject({
    ...{ format: 'pg_dump', rows: 3000, tool_version: like(/^\d+/) },
    bounds: "FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
  })
  await dwhDone(drop, at)
  const whole = readFileSync(join(dump.folder, 'data.dump'))
  writeFileSync(join(dump.folder, 'data.dump'), whole.subarray(0, whole.length - 100))
  const thaw = ['partitions', 'thaw', 'events', 'events_2020', '--yes', '--json']
  expect(await dwh(thaw, at)).toMatchObject({
    code: 1,
    stderr: like(/INPUT_BROKEN .*other data than was written/),
  })
  writeFileSync(join(dump.folder, 'data.dump'), whole)
  expect(JSON.parse((await dwhDone(thaw, at)).stdout)).toMatchObject({ thawed: [{ from: 'files' }] })
  expect(await session.one(contents)).toEqual(before)
})

test('what has become of a leaf and its table meanwhile', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(`
    CREATE TABLE public.events (id bigint, day date NOT NULL, price numeric(10,2), PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE public.events_2020 PARTITION OF public.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    INSERT INTO public.events SELECT n, date '2020-01-01' + n, n / 4.0 FROM generate_series(1, 300) AS n;
    GRANT SELECT (id) ON public.events_2020 TO PUBLIC;
    CREATE TABLE public.events_2020_archived ()`)
  using warehouse = testWarehouse({ datasets: { events } })
  const at = warehouse.at(database.target)
  const sum = "SELECT sum(price)::text AS price, count(*) AS n FROM public.events WHERE day < '2021-01-01'"
  const archive = ['partitions', 'archive', 'events', 'events_2020', '--yes', '--json']
  const drop = ['partitions', 'drop', 'events', '--early', '--yes']
  const thaw = ['partitions', 'thaw', 'events', 'events_2020', '--yes', '--json']

  // A name that is taken leaves no leaf between the chairs.
  const [{ aside }] = JSON.parse((await dwhDone(archive, at)).stdout).archived
  expect(aside).toBe('public.events_2020_archived_2')
  expect(
    await session.one(
      `SELECT count(attacl) AS granted FROM pg_attribute WHERE attrelid = '${aside}'::regclass AND attacl::text ~ '=r'`,
    ),
  ).toEqual({ granted: 0 })

  // What somebody has attached by hand is read again: it is no archived leaf to drop.
  const attach = `ALTER TABLE public.events ATTACH PARTITION ${aside} FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`
  await session.run(attach)
  expect(await dwh(drop, at)).toMatchObject({
    code: 1,
    stderr: like(/TARGET_UNFIT .*belongs to public.events again; it was not dropped/),
  })
  expect(await session.one(sum)).toEqual({ price: '11287.50', n: 300 })
  await session.run(`ALTER TABLE public.events DETACH PARTITION ${aside}`)

  // Columns come, and change their types: what was archived fits a table of today, from the table and from the files.
  await session.run(`ALTER TABLE public.events ADD COLUMN kind text NOT NULL DEFAULT 'old', ADD COLUMN double numeric GENERATED ALWAYS AS (price * 2) STORED,
                       ALTER COLUMN price TYPE numeric(12,3)`)
  expect(JSON.parse((await dwhDone(thaw, at)).stdout)).toMatchObject({ thawed: [{ from: 'table' }] })
  const now =
    "SELECT sum(price)::text AS price, sum(double)::text AS double, count(kind) AS n FROM public.events WHERE day < '2021-01-01'"
  expect(await session.one(now)).toEqual({ price: '11287.500', double: '22575.000', n: 300 })
  await dwhDone(archive, at)
  await dwhDone(drop, at)
  await session.run(
    'ALTER TABLE public.events DROP COLUMN double, DROP COLUMN kind, ALTER COLUMN id TYPE numeric',
  )
  expect(await dwh(thaw, at)).toMatchObject({
    code: 1,
    stderr: like(
      /TARGET_UNFIT the archive has columns that public.events has no more: "kind" text, "double" numeric.*ADD COLUMN "kind" text/s,
    ),
  })
  await session.run(
    'ALTER TABLE public.events ADD COLUMN kind text, ADD COLUMN double numeric, ADD COLUMN late int DEFAULT 3',
  )
  expect(JSON.parse((await dwhDone(thaw, at)).stdout)).toMatchObject({ thawed: [{ from: 'files' }] })
  expect(await session.one(`${now} AND late = 3 AND pg_typeof(id) = 'numeric'::regtype`)).toEqual({
    price: '11287.500',
    double: '22575.000',
    n: 300,
  })
})

test('retention drops leaves of any kind whose time is over, and no others', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(`
    CREATE EXTENSION file_fdw;
    CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
    CREATE TABLE public.events (id bigint, day date) PARTITION BY RANGE (day);
    CREATE TABLE public.events_old PARTITION OF public.events FOR VALUES FROM (MINVALUE) TO ('2019-01-01');
    CREATE UNLOGGED TABLE public.events_2019 PARTITION OF public.events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
    CREATE FOREIGN TABLE public.events_2020 PARTITION OF public.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER files OPTIONS (filename '/dev/null');
    CREATE TABLE public.events_late PARTITION OF public.events FOR VALUES FROM ('2021-01-01') TO (MAXVALUE);
    CREATE TABLE public.events_rest PARTITION OF public.events DEFAULT;
    CREATE TABLE public.sold (id bigint, day int NOT NULL) PARTITION BY RANGE (day);
    CREATE TABLE public.sold_unknown PARTITION OF public.sold FOR VALUES FROM (-1) TO (0);
    CREATE TABLE public.sold_2019 PARTITION OF public.sold FOR VALUES FROM (20190101) TO (20191232);
    INSERT INTO public.sold VALUES (1, -1), (2, 20190501);
    INSERT INTO public.events VALUES (1, '-infinity'), (2, '2019-05-01'), (3, 'infinity'), (4, NULL)`)
  const partition = { ...events.partition, retention: { keep: '2 years', method: 'drop' } }
  // Default rows have no date, and are as old as they will ever be.
  const sold = { ...events, target: 'public.sold', partition: { ...partition, kind: 'date_key' } }
  using warehouse = testWarehouse({ datasets: { events: { ...events, partition }, sold } })
  const { stdout } = await dwh(['maintain', 'retention', '--yes', '--json'], warehouse.at(database.target))
  expect(JSON.parse(stdout)).toMatchObject({ done: 3, failed: 0, skipped: 2 })
  expect(await session.one('SELECT string_agg(id::text, chr(32)) AS rows FROM public.sold')).toEqual({
    rows: '1',
  })
  expect(
    await session.one(`
      SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) AS leaves,
             (SELECT string_agg(id::text, ' ' ORDER BY id) FROM public.events) AS rows, to_regclass('public.events_2020') AS gone
        FROM pg_inherits WHERE inhparent = 'public.events'::regclass`),
  ).toEqual({ leaves: 'public.events_late public.events_old public.events_rest', rows: '1 3 4', gone: null })
})

test.each(servers.slice(1))('every type comes back from the files on $name', async (newest) => {
  await using database = await freshDatabase(newest)
  await using session = await database.open()
  await session.run(table.replaceAll('\\\\', '\\'))
  using warehouse = testWarehouse({ datasets: { events } })
  const at = warehouse.at(database.target)
  const before = await session.one(contents)
  await dwhDone(['partitions', 'archive', 'events', 'events_2020', '--yes'], at)
  await dwhDone(['partitions', 'drop', 'events', '--early', '--yes'], at)
  await dwhDone(['partitions', 'thaw', 'events', 'events_2020', '--yes'], at)
  expect(await session.one(contents)).toEqual(before)
})
