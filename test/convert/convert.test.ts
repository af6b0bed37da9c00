import { describe, expect, test } from 'vitest'
import type { RelationName } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const sales: RelationName = { schema: 'public', name: 'sales' }
const months = { key: 'sold_on', kind: 'date', grain: 'month', from: '2024-01', premake: 0 }
const setup = ['setup', '--yes', '--no-backup']

/** A table as years of use leave it. */
async function plainSales(session: Session): Promise<void> {
  await session.run(`
    CREATE TABLE public.sales (
      id bigserial PRIMARY KEY,
      sold_on date NOT NULL,
      amount numeric(12,2) NOT NULL DEFAULT 0 CHECK (amount >= 0),
      double_amount numeric GENERATED ALWAYS AS (amount * 2) STORED,
      client text NOT NULL,
      obsolete integer,
      note text
    ) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
    CREATE INDEX sales_client ON public.sales (client text_pattern_ops) WHERE note IS NOT NULL;
    CREATE INDEX sales_upper ON public.sales (upper(client) DESC, sold_on);
    CREATE INDEX sales_note ON public.sales USING hash (note);
    ALTER TABLE public.sales ALTER COLUMN client SET STATISTICS 500;
    COMMENT ON TABLE public.sales IS 'What was sold, l''été compris';
    COMMENT ON COLUMN public.sales.amount IS 'In euros';
    INSERT INTO public.sales (sold_on, amount, client, note)
    SELECT date '2024-01-01' + n % 120, n, 'client ' || n % 50, CASE WHEN n % 3 = 0 THEN repeat('é', n % 40) END
      FROM generate_series(1, 3000) AS n;
    DELETE FROM public.sales WHERE id % 17 = 0;
    ALTER TABLE public.sales DROP COLUMN obsolete;
    UPDATE public.sales SET note = 'n' WHERE id % 5 = 0;`)
}

describe.each(servers)('conversion on $name', (server) => {
  const template = databaseTemplate(server, plainSales)

  test('keeps rows, columns, defaults, checks, indexes, comments, storage and the sequence', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse({
      datasets: { sales: { target: 'public.sales', key: 'id', partition: months } },
    })
    await using session = await database.open()
    const before = await describeTable(session, sales)
    const rows = await session.rows('SELECT * FROM public.sales ORDER BY id')

    const result = await dwh(setup, warehouse.at(database.target))
    expect(result).toMatchObject({ code: 0 })
    expect(result.stderr).toContain('(id) alone is not unique any more, (id, sold_on) is: sales_pkey')

    const after = await describeTable(session, sales)
    expect(await session.rows('SELECT * FROM public.sales ORDER BY id')).toEqual(rows)
    expect(after.table).toMatchObject([
      { ...before.table[0], relkind: 'p', reloptions: null, partition_key: 'RANGE (sold_on)' },
    ])
    const compression = server.binaries.lz4 ? 'l' : ''
    expect(after.columns).toEqual(
      before.columns.map((column) =>
        ['amount', 'double_amount', 'client', 'note'].includes(String(column.name))
          ? { ...column, compression }
          : column,
      ),
    )
    expect(after.constraints).toEqual([
      { name: 'sales_amount_check', definition: 'CHECK ((amount >= (0)::numeric))', valid: true },
      { name: 'sales_pkey', definition: 'PRIMARY KEY (id, sold_on)', valid: true },
    ])
    expect(after.indexes.map(({ name, valid }) => [name, valid])).toEqual(
      before.indexes.map(({ name }) => [name, true]),
    )
    expect(after.leaves.map(({ name }) => name)).toEqual([
      'sales_2024_01',
      'sales_2024_02',
      'sales_2024_03',
      'sales_2024_04',
    ])
    for (const leaf of after.leaves) {
      expect(leaf.reloptions).toEqual(['fillfactor=90', 'autovacuum_vacuum_scale_factor=0.05'])
      expect(leaf.constraints).toEqual(['CHECK ((amount >= (0)::numeric))', 'PRIMARY KEY (id, sold_on)'])
      expect(leaf.indexes).toHaveLength(4)
    }
    const [added] = await session.rows(
      "INSERT INTO public.sales (sold_on, client) VALUES ('2024-04-30', 'x') RETURNING id",
    )
    expect(added).toEqual({ id: 3001 })
    const analyzed = await session.rows(
      "SELECT count(*) AS n FROM pg_stats WHERE tablename = 'sales' AND inherited AND attname = 'client'",
    )
    expect(analyzed).toEqual([{ n: 1 }])
  })

  test('the plain table is kept, put back by --undo, converted again, and dropped by --finish', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse({
      datasets: { sales: { target: 'public.sales', key: 'id', partition: months } },
    })
    const at = warehouse.at(database.target)
    await using session = await database.open()
    const before = await describeTable(session, sales)

    expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to undo'),
    })
    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await describeTable(session, sales)).toEqual(before)
    expect(
      await session.rows("SELECT relname FROM pg_class WHERE relname ~ '^sales_(2024|before|dwh|after)'"),
    ).toEqual([])
    expect(await dwh(['migrate', 'verify'], at)).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('not converted'),
    })

    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(await dwh(setup, at)).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to do') })
    expect(await dwh(['migrate', 'verify'], at)).toMatchObject({ code: 0 })
    expect(await dwh(['setup', '--finish', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await session.rows("SELECT to_regclass('public.sales_before_setup') AS kept")).toEqual([
      { kept: null },
    ])
    for (const flag of ['--finish', '--undo']) {
      expect(await dwh(['setup', flag, '--yes'], at)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('finished already'),
      })
    }
    const [added] = await session.rows(
      "INSERT INTO public.sales (sold_on, client) VALUES ('2024-04-30', 'x') RETURNING id",
    )
    expect(added).toEqual({ id: 3001 })
  })

  test('undo keeps the partitioned table where rows were written to it since', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse({
      datasets: { sales: { target: 'public.sales', key: 'id', partition: months } },
    })
    const at = warehouse.at(database.target)
    await using session = await database.open()
    const before = await describeTable(session, sales)
    await dwh(setup, at)
    await session.run("UPDATE public.sales SET client = 'somebody else' WHERE id = 1")
    const undone = await dwh(['setup', '--undo', '--yes', '--json'], at)
    expect(undone).toMatchObject({ code: 0 })
    expect(JSON.parse(undone.stdout)).toEqual({
      undone: [{ table: 'public.sales', kept_as: 'public.sales_after_setup' }],
    })
    expect(await describeTable(session, sales)).toEqual(before)
    expect(await session.rows('SELECT client FROM public.sales_after_setup WHERE id = 1')).toEqual([
      { client: 'somebody else' },
    ])
  })

  test.each([
    ['date_key', 'integer', "to_char(d, 'YYYYMMDD')::integer", {}],
    ['date', 'date', 'd::date', {}],
    ['timestamp', 'timestamp', 'd', {}],
    ['timestamptz', 'timestamptz', "d AT TIME ZONE 'Europe/Paris'", { zone: 'Europe/Paris' }],
  ])('a key of kind %s', async (kind, type, expression, more) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.facts (id integer, k ${type}, v text);
      INSERT INTO public.facts SELECT n, ${expression}, 'v' || n
        FROM generate_series(timestamp '2023-12-30 00:00', timestamp '2024-03-02', interval '1 hour') WITH ORDINALITY AS s (d, n)`)
    const rows = await session.rows('SELECT * FROM public.facts ORDER BY id')
    using warehouse = testWarehouse({
      datasets: {
        facts: { target: 'public.facts', partition: { key: 'k', kind, grain: 'month', premake: 0, ...more } },
      },
    })
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({ code: 0 })
    expect(await session.rows('SELECT * FROM public.facts ORDER BY id')).toEqual(rows)
    const { leaves } = await describeTable(session, { schema: 'public', name: 'facts' })
    expect(leaves.map(({ name }) => name)).toEqual([
      'facts_2023_12',
      'facts_2024_01',
      'facts_2024_02',
      'facts_2024_03',
    ])
    expect(await session.rows('SELECT count(*) AS n FROM public.facts_2024_01')).toEqual([{ n: 31 * 24 }])
  })

  test('a key of year and quarter', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.features (station integer, year integer, quarter smallint, mean float8);
      INSERT INTO public.features SELECT s, y, q, s + y + q FROM generate_series(1, 5) AS s, generate_series(2022, 2023) AS y, generate_series(1, 4) AS q`)
    using warehouse = testWarehouse({
      datasets: {
        features: {
          target: 'public.features',
          key: ['station', 'year', 'quarter'],
          partition: { key: ['year', 'quarter'], kind: 'year_quarter', grain: 'quarter', premake: 0 },
        },
      },
    })
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({ code: 0 })
    const { leaves, constraints } = await describeTable(session, { schema: 'public', name: 'features' })
    expect(leaves).toHaveLength(8)
    expect(leaves[3]).toMatchObject({
      name: 'features_2022_q4',
      bound: "FOR VALUES FROM (2022, '4') TO (2023, '1')",
    })
    expect(constraints).toMatchObject([{ definition: 'UNIQUE (station, year, quarter)' }])
    expect(await session.rows('SELECT count(*) AS n FROM public.features_2023_q2')).toEqual([{ n: 5 }])
  })

  test('rows without a date stop the plan, unless the policy has a leaf for them', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.facts (id integer, k integer);
      INSERT INTO public.facts SELECT n, 20240101 + n % 28 FROM generate_series(1, 100) AS n;
      INSERT INTO public.facts VALUES (101, NULL), (102, -1), (103, -1), (104, 522171231)`)
    const before = await describeTable(session, { schema: 'public', name: 'facts' })
    const partition = { key: 'k', kind: 'date_key', grain: 'year', premake: 0 }
    using refusing = testWarehouse({ datasets: { facts: { target: 'public.facts', partition } } })
    const refused = await dwh(setup, refusing.at(database.target))
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /ROWS_UNFIT public\.facts: 1 rows have no partition key and 3 lie outside.*(-1|522171231|NULL).*nothing was changed/,
    )
    expect(refused.stderr).toMatch(/hint .*unknown: true/)
    expect(await describeTable(session, { schema: 'public', name: 'facts' })).toEqual(before)
    expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])

    using taking = testWarehouse({
      datasets: { facts: { target: 'public.facts', partition: { ...partition, unknown: true } } },
    })
    expect(await dwh(setup, taking.at(database.target))).toMatchObject({ code: 0 })
    const { leaves } = await describeTable(session, { schema: 'public', name: 'facts' })
    expect(leaves.map(({ name, bound }) => [name, bound])).toEqual([
      ['facts_2024', 'FOR VALUES FROM (20240101) TO (20250101)'],
      ['facts_unknown', 'DEFAULT'],
    ])
    expect(await session.rows('SELECT id FROM public.facts_unknown ORDER BY id')).toEqual(
      [101, 102, 103, 104].map((id) => ({ id })),
    )
  })

  test('an empty table is converted too', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (id integer, k date NOT NULL)')
    using warehouse = testWarehouse({
      datasets: {
        facts: {
          target: 'public.facts',
          partition: { key: 'k', kind: 'date', grain: 'year', from: 2020, until: 2022, premake: 0 },
        },
      },
    })
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({ code: 0 })
    expect(await dwh(setup, warehouse.at(database.target))).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    })
    expect((await describeTable(session, { schema: 'public', name: 'facts' })).leaves).toHaveLength(2)
  })
})
