import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const setup = ['setup', '--yes', '--no-backup']

const unknownLeaf = () =>
  testWarehouse({
    datasets: {
      sales: {
        target: 'public.sales',
        key: 'id',
        partition: { key: 'sold_on', kind: 'date', grain: 'year', premake: 0, unknown: true },
      },
    },
  })

async function plainSales(session: Session, nullable: boolean): Promise<void> {
  await session.run(`
    CREATE TABLE public.sales (id integer PRIMARY KEY, sold_on date${nullable ? '' : ' NOT NULL'}, client text);
    INSERT INTO public.sales VALUES (1, '2024-02-29', 'a'), (2, '1815-06-18', 'b')${nullable ? ", (3, NULL, 'c')" : ''};
    CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)`)
}

async function keysOf(session: Session) {
  return session.one(
    `SELECT (SELECT string_agg(pg_get_constraintdef(oid), ', ') FROM pg_constraint
              WHERE conrelid = 'public.sales'::regclass AND contype IN ('p', 'u')) AS key,
            (SELECT string_agg(DISTINCT relreplident::text, ', ') FROM pg_class
              WHERE oid IN (SELECT relid FROM pg_partition_tree('public.sales'))) AS replica_identity`,
  )
}

describe.each(servers)('the primary key on $name', (server) => {
  test('stays one where the partition key is NOT NULL, whatever the unknown leaf', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await plainSales(session, false)
    using warehouse = unknownLeaf()
    const { code, stderr } = await dwh(setup, warehouse.at(database.target))
    expect(code, stderr).toBe(0)
    expect(stderr).not.toMatch(/unique constraint/)
    expect(await keysOf(session)).toEqual({ key: 'PRIMARY KEY (id, sold_on)', replica_identity: 'd' })
  })

  test('becomes a unique constraint for an unknown leaf, and updates are published all the same', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await plainSales(session, true)
    using warehouse = unknownLeaf()
    const { code, stderr } = await dwh(setup, warehouse.at(database.target))
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/note: sales_pkey becomes a unique constraint: .*; replica identity becomes FULL/)
    expect(await keysOf(session)).toEqual({ key: 'UNIQUE (id, sold_on)', replica_identity: 'f' })
    expect(await session.run("UPDATE public.sales SET client = 'd'")).toBe(3)
    expect(await session.run('DELETE FROM public.sales WHERE id = 3')).toBe(1)
  })
})

test.each(servers)(
  'unique indexes keep all else when the partition key is added on $name',
  async (server) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
    CREATE COLLATION public.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE public.sales (id integer NOT NULL, code text COLLATE public.folded NOT NULL, sold_on date NOT NULL, "client)" text, PRIMARY KEY (id) INCLUDE ("client)"));
    CREATE UNIQUE INDEX sales_exact ON public.sales (code COLLATE "C" DESC) INCLUDE ("client)") WITH (fillfactor = 70);
    CREATE UNIQUE INDEX sales_client ON public.sales ("client)") NULLS NOT DISTINCT;
    INSERT INTO public.sales VALUES (1, 'a', '2024-02-29', 'a'), (2, 'A', '2024-02-29', 'b'), (3, 'b', '2025-01-01', NULL)`)
    using folder = testWarehouse({
      datasets: {
        sales: {
          target: 'public.sales',
          key: 'code',
          recency: 'id',
          nulls_equal: true,
          partition: { key: 'sold_on', kind: 'date', grain: 'year', premake: 0 },
        },
      },
    })
    const at = folder.at(database.target)
    const { code, stderr } = await dwh([...setup, '--accept-losses'], at)
    expect(code, stderr).toBe(0)
    const indexes = await session.rows<{ tail: string }>(
      `SELECT split_part(pg_get_indexdef(indexrelid), 'btree ', 2) AS tail FROM pg_index WHERE indrelid = 'public.sales'::regclass ORDER BY 1`,
    )
    expect(indexes.map(({ tail }) => tail)).toEqual([
      '("client)", sold_on) NULLS NOT DISTINCT',
      '(code COLLATE "C" DESC, sold_on) INCLUDE ("client)") WITH (fillfactor=\'70\')',
      '(code, sold_on) NULLS NOT DISTINCT',
      '(id, sold_on) INCLUDE ("client)")',
    ])
    // The index that tells a from A does not vouch for a key that does not.
    expect(await session.rows('SELECT id FROM public.sales ORDER BY 1')).toEqual([{ id: 2 }, { id: 3 }])
    expect(await dwh(['dedup', 'sales'], at)).toMatchObject({
      stdout: expect.stringMatching(/the constraint is there: sales_key/),
    })
  },
)
