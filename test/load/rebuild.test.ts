import { describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { psqlScript } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const datasets = {
  sales: {
    target: 'public.sales',
    key: ['id', 'jour'],
    recency: 'seen',
    partition,
    columns: {
      id: { type: 'integer' },
      jour: { type: 'date' },
      seen: { type: 'integer' },
      v: { type: 'text', required: true },
      kept: { type: 'text' },
      customer: { type: 'integer' },
    },
  },
}

const tables = `
  SET search_path = public;
  CREATE TABLE customers (id int PRIMARY KEY);
  INSERT INTO customers VALUES (1);
  CREATE TABLE sales (
    id int, jour date, seen int, v text, kept text DEFAULT 'default', customer int REFERENCES customers DEFAULT 1,
    n bigint GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, jour)
  ) PARTITION BY RANGE (jour);
  CREATE INDEX sales_seen ON sales (seen);
  CREATE TABLE sales_2024_01 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
  CREATE TABLE sales_2024_02 PARTITION OF sales FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
  GRANT SELECT ON sales_2024_01 TO PUBLIC;
  INSERT INTO sales (id, jour, seen, v, kept)
    SELECT g, '2024-01-01', 5, 'old ' || g, 'own' FROM generate_series(1, 10) AS g;
  INSERT INTO sales (id, jour, seen, v, kept) VALUES (11, '2024-01-02', 5, NULL, 'lacks what files must have');
  INSERT INTO sales (id, jour, seen, v) SELECT g, '2024-02-01', 5, 'old' FROM generate_series(1, 1000) AS g;
  ANALYZE sales;`

/** A third of January's rows newer, one older, one the same, three new; one of the many of February. */
const file = csv('id,jour,seen,v', [
  [1, '2024-01-01', 6, 'newer'],
  [2, '2024-01-01', 6, 'newer'],
  [3, '2024-01-01', 4, 'older'],
  [4, '2024-01-01', 5, 'old 4'],
  [20, '2024-01-05', 1, 'new'],
  [21, '2024-01-05', 1, 'new'],
  [22, '2024-01-05', 1, 'new'],
  [1, '2024-02-01', 6, 'newer'],
])

const merged = [
  '1 2024-01-01 6 newer own',
  '2 2024-01-01 6 newer own',
  ...[3, 4, 5, 6, 7, 8, 9, 10].map((id) => `${id} 2024-01-01 5 old ${id} own`),
  '11 2024-01-02 5  lacks what files must have',
  ...[20, 21, 22].map((id) => `${id} 2024-01-05 1 new default`),
]

describe.each(servers)('leaves written anew on $name', (server) => {
  const template = loadTemplate(server, tables)
  const january = `SELECT concat_ws(' ', id, jour, seen, coalesce(v, ''), kept) AS row FROM sales_2024_01 ORDER BY id`
  const identity = `SELECT oid::int FROM pg_class WHERE relname IN ('sales_2024_01', 'sales_2024_02') ORDER BY relname`
  const furniture = `
    SELECT relname::text AS name, relacl::text AS grants FROM pg_class WHERE relname LIKE 'sales_2024_01%' UNION ALL
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'sales_2024_01'::regclass ORDER BY 1`

  test('a leaf that gets many rows is replaced, and looks as before; others are merged into', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const [before, own] = [await place.rows(identity), await place.rows(furniture)]
    const loaded = await place.load('sales', file)
    expect(loaded).toMatchObject({
      plan: { strategy: 'merge' },
      records: 8,
      inserted: 3,
      updated: 3,
      unchanged: 2,
      duplicates: 0,
    })
    const after = await place.rows(identity)
    expect(after[0]).not.toEqual(before[0])
    expect(after[1]).toEqual(before[1])
    expect(await place.rows(furniture)).toEqual(own)
    expect((await place.rows(january)).map(({ row }) => row)).toEqual(merged)
    expect(
      await place.rows(
        'SELECT count(DISTINCT n)::int AS numbers, sum(twice - 2 * id)::int AS odd FROM sales',
      ),
    ).toEqual([{ numbers: 1014, odd: 0 }])
    expect(loaded.leaves).toMatchObject([
      { name: 'sales_2024_01', rows: 14, hash_1: expect.any(String) },
      { name: 'sales_2024_02' },
    ])
    expect(await leftovers(place.session)).toEqual([])
    // Once more, in another order, with nothing to change.
    const again = await place.load('sales', file, { again: true, onDuplicate: 'skip' })
    expect(again).toMatchObject({ inserted: 0, updated: 0, unchanged: 8 })
  })

  const changes: [what: string, sql: string, row: string | undefined, counts: object][] = [
    [
      'a row is inserted',
      `INSERT INTO sales (id, jour, seen, v, kept) VALUES (20, '2024-01-05', 9, 'theirs', 'k')`,
      '20 2024-01-05 9 theirs k',
      { inserted: 2, updated: 3, unchanged: 3 },
    ],
    [
      'a row is updated',
      `UPDATE sales SET v = 'theirs', seen = 9 WHERE id = 1 AND jour = '2024-01-01'`,
      '1 2024-01-01 9 theirs own',
      { inserted: 3, updated: 2, unchanged: 3 },
    ],
    [
      'a row is deleted',
      `DELETE FROM sales WHERE id = 10 AND jour = '2024-01-01'`,
      undefined,
      { inserted: 3, updated: 3, unchanged: 2 },
    ],
    [
      'a row is replaced by another',
      `BEGIN; DELETE FROM sales WHERE id = 10 AND jour = '2024-01-01'; INSERT INTO sales (id, jour, seen, v, kept) VALUES (12, '2024-01-01', 5, 'theirs', 'k'); COMMIT`,
      '12 2024-01-01 5 theirs k',
      { inserted: 3, updated: 3, unchanged: 2 },
    ],
    [
      'the leaf is emptied',
      'TRUNCATE sales_2024_01',
      '1 2024-01-01 6 newer default',
      { inserted: 7, updated: 1, unchanged: 0 },
    ],
  ]

  test.each(changes)('%s after a leaf was written anew: the rows are merged', async (_, sql, row, counts) => {
    await using place = await loadingPlace(server, template, datasets)
    const before = await place.rows(identity)
    place.put('change.sql', `SET search_path = public; ${sql};`)
    const change = (event: DwhEvent) => {
      if (event.type === 'step' && event.step === 'rebuild' && event.state === 'done')
        psqlScript(place.at, 'change.sql')
    }
    expect(await place.load('sales', file, {}, change)).toMatchObject({ records: 8, ...counts })
    const rows = (await place.rows(january)).map((one) => one.row)
    if (row) expect(rows).toContain(row)
    else expect(rows.filter((one) => String(one).startsWith('10 '))).toEqual([])
    expect(rows).toContain(
      sql.startsWith('UPDATE')
        ? row
        : '2 2024-01-01 6 newer own'.replace('own', sql.startsWith('TRUNCATE') ? 'default' : 'own'),
    )
    expect(await place.rows(identity)).toEqual(before)
    expect(await leftovers(place.session)).toEqual([])
  })

  test('a leaf that another load has replaced before it is written anew: the rows are merged into that one', async () => {
    await using place = await loadingPlace(server, template, datasets)
    place.put(
      'exchange.sql',
      `SET search_path = public;
       BEGIN;
       ALTER TABLE sales DETACH PARTITION sales_2024_01;
       ALTER TABLE sales_2024_01 RENAME TO former;
       CREATE TABLE sales_2024_01 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
       INSERT INTO sales (id, jour, seen, v, kept) SELECT id, jour, seen, v, kept FROM former;
       DROP TABLE former;
       COMMIT;`,
    )
    let exchanged: unknown
    const exchange = (event: DwhEvent) => {
      if (event.type !== 'step' || event.step !== 'rebuild' || event.state !== 'started') return
      psqlScript(place.at, 'exchange.sql')
      exchanged = true
    }
    expect(await place.load('sales', file, {}, exchange)).toMatchObject({
      inserted: 3,
      updated: 3,
      unchanged: 2,
    })
    expect(exchanged).toBe(true)
    expect((await place.rows(january)).map(({ row }) => row)).toEqual(merged)
    expect(await leftovers(place.session)).toEqual([])
  })

  const obstacles: [what: string, sql: string][] = [
    [
      'a trigger that an UPDATE fires',
      `CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.kept := 'stamped'; RETURN NEW; END $$; CREATE TRIGGER stamped BEFORE UPDATE ON sales FOR EACH ROW EXECUTE FUNCTION stamp()`,
    ],
    [
      'rows that refer to the table',
      'CREATE TABLE lines (id int, jour date, FOREIGN KEY (id, jour) REFERENCES sales)',
    ],
    ['an index of the leaf alone', 'CREATE INDEX own_index ON sales_2024_01 (v)'],
  ]

  test.each(obstacles)('%s keeps a leaf as it is', async (what, sql) => {
    await using place = await loadingPlace(server, template, datasets)
    await place.session.run(sql)
    const before = await place.rows(identity)
    expect(await place.load('sales', file)).toMatchObject({ inserted: 3, updated: 3, unchanged: 2 })
    expect(await place.rows(identity)).toEqual(before)
    if (what.startsWith('a trigger'))
      expect(await place.rows(`SELECT count(*)::int AS stamped FROM sales WHERE kept = 'stamped'`)).toEqual([
        { stamped: 3 },
      ])
  })
})
