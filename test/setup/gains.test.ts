import { describe, expect, test } from 'vitest'
import { type Savings, savings } from '../../src/setup/gains.ts'
import type { Disk } from '../../src/setup/measure.ts'
import { dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

describe.each(servers)('gains on $name', (server) => {
  test('two queries and the disk, taken apart, are measured before and after, kept and shown again', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.sales (id bigint NOT NULL, client_id integer, sold_on date NOT NULL, amount numeric(12,2), note text, updated_at timestamptz);
      ALTER TABLE public.sales ALTER COLUMN note SET STORAGE EXTERNAL;
      INSERT INTO public.sales SELECT n, n % 7, date '2022-01-01' + n % 1000, n, CASE WHEN n % 10 = 0 THEN repeat('long ', 1000) ELSE 'short' END, '2026-01-01'
        FROM generate_series(1, 4000) AS n;
      ALTER TABLE public.sales ALTER COLUMN note SET STORAGE EXTENDED;
      INSERT INTO public.sales SELECT id, client_id, sold_on, amount, note, '2026-02-01' FROM public.sales WHERE id <= 80;
      UPDATE public.sales SET amount = amount + 1 WHERE id % 5 = 0;
      CREATE INDEX sales_client ON public.sales (client_id);
      ANALYZE public.sales`)
    // The newest server has the extension that reads dead rows and free space.
    if (server.binaries.lz4) await session.run('CREATE EXTENSION pgstattuple SCHEMA public')
    const policy = { key: 'sold_on', kind: 'date', grain: 'month', premake: 0 }
    using warehouse = testWarehouse({
      datasets: {
        sales: { target: 'public.sales', key: 'id', recency: 'updated_at', partition: policy },
      },
    })
    const at = warehouse.at(database.target)
    const { gains } = JSON.parse((await dwhDone(['setup', '--yes', '--no-backup', '--json'], at)).stdout)
    const count = `SELECT count(*) FROM "public"."sales" WHERE "sold_on" IS NOT NULL AND "sold_on" >= '2022-01-01' AND "sold_on" < '2023-01-01'`
    const sum = `SELECT sum("amount") FROM "public"."sales" WHERE "sold_on" IS NOT NULL AND "sold_on" >= '2022-01-01' AND "sold_on" < '2022-04-01'`
    expect(gains).toMatchObject([
      {
        table: 'public.sales',
        before: {
          rows: 4080,
          tables: 1,
          queries: [
            { what: 'count', period: '2022', sql: count, tables_read: 1 },
            { what: 'sum', period: '2022-q1', sql: sum, tables_read: 1 },
          ],
        },
        after: {
          rows: 4000,
          tables: 33,
          queries: [
            { what: 'count', period: '2022', sql: count, tables_read: 12 },
            { what: 'sum', period: '2022-q1', sql: sum, tables_read: 3 },
          ],
        },
        duplicates: { table: 'public.sales_duplicates', rows: 80 },
        kept: 'public.sales_before_setup',
        backup: null,
      },
    ])
    const [{ before, after, saved, duplicates }] = gains as [
      { before: { disk: Disk }; after: { disk: Disk }; saved: Savings; duplicates: { bytes: number } },
    ]
    for (const { disk } of [before, after])
      expect(disk.heap_bytes + disk.toast_bytes + disk.index_bytes).toBe(disk.bytes)
    const [sizes] = await session.rows(
      `SELECT pg_total_relation_size('public.sales_before_setup') AS before, (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('public.sales'))::int8 AS after,
              pg_total_relation_size('public.sales_duplicates') AS duplicates`,
    )
    expect(sizes).toEqual({
      before: before.disk.bytes,
      after: after.disk.bytes,
      duplicates: duplicates.bytes,
    })
    // 5,000 bytes each that were plain, of the rows that stay.
    expect(saved.compression).toBeGreaterThan(400 * 4000)
    expect(saved.indexes).toBeLessThan(0)
    expect(saved.bloat_by).toBe(server.binaries.lz4 ? 'pgstattuple' : 'difference')
    if (saved.bloat_by === 'difference') expect(before.disk.waste_bytes).toBeNull()

    const again = await dwhDone(['setup', '--yes'], at)
    expect(again.stdout).toMatch(
      /^public\.sales +rows +4,080 +4,000 +80 set aside in public\.sales_duplicates, /m,
    )
    expect(again.stdout).toMatch(/^public\.sales +count of 2022, warm .*× as fast, 21 of 33 leaves pruned$/m)
    expect(again.stdout).toMatch(/^public\.sales +compression +-\d.* MB$/m)
    expect(again.stdout).toMatch(
      server.binaries.lz4
        ? /^public\.sales +bloat .*\n.* headers and alignment /m
        : /^public\.sales +bloat and the rest .*, by difference$/m,
    )
    expect(again.stdout).toContain(sum)
  })
})

test('what is saved is the sum of its parts', () => {
  const bytes = fc.nat({ max: 2 ** 31 - 1 }).map((n) => n * 1024)
  const disk = fc
    .record({
      heap_bytes: bytes,
      toast_bytes: bytes,
      index_bytes: bytes,
      value_bytes: bytes,
      waste_bytes: fc.option(bytes),
    })
    .map((one) => ({ ...one, bytes: one.heap_bytes + one.toast_bytes + one.index_bytes }))
  fc.assert(
    fc.property(disk, disk, fc.option(disk, { nil: undefined }), (before, after, aside) => {
      const { bytes, indexes, duplicates, compression, bloat, bloat_by, rest } = savings(before, after, aside)
      expect(indexes + duplicates + compression + bloat + rest).toBe(bytes)
      expect(bloat_by).toBe(
        before.waste_bytes === null || after.waste_bytes === null ? 'difference' : 'pgstattuple',
      )
    }),
  )
})
