import type { RelationName } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { testWarehouse } from '../support/warehouse.ts'

export const sales: RelationName = { schema: 'public', name: 'sales' }

/** A plain table with rows in four months, and one key for each row. */
export async function plainSales(session: Session): Promise<void> {
  await session.run(`
    CREATE TABLE public.sales (id bigserial PRIMARY KEY, sold_on date NOT NULL, client text NOT NULL, note text);
    CREATE INDEX sales_client ON public.sales (client);
    INSERT INTO public.sales (sold_on, client, note)
    SELECT date '2024-01-01' + n % 120, 'client ' || n % 50, repeat('é', n % 40) FROM generate_series(1, 5000) AS n;
    ANALYZE public.sales`)
}

/** A warehouse whose setup has something to do in every step: a migration, new leaves, a plain table. */
export function salesWarehouse() {
  const partition = { kind: 'date', grain: 'month', from: '2024-01', until: '2024-06', premake: 0 }
  return testWarehouse(
    {
      datasets: {
        sales: { target: 'public.sales', key: 'id', partition: { key: 'sold_on', ...partition } },
        returns: { target: 'public.returns', key: 'id', partition: { key: 'returned_on', ...partition } },
      },
    },
    {
      'migrations/0001_returns.ts': `
        import { factTable } from 'dwh'
        export const up = (pgm) => factTable(pgm, {
          table: 'public.returns',
          columns: { id: { type: 'bigint', notNull: true }, returned_on: { type: 'date', notNull: true }, why: 'text' },
          key: ['id'],
          partitionBy: 'returned_on',
          indexes: ['why'],
        })`,
      'migrations/0002_regions.sql': `
        -- Up Migration
        CREATE TABLE regions (region text PRIMARY KEY);
        -- Down Migration
        DROP TABLE regions;`,
    },
  )
}

/** What a setup leaves behind that two runs of it must agree on. */
export async function endState(session: Session) {
  return {
    sales: await describeTable(session, sales),
    kept: await describeTable(session, { schema: 'public', name: 'sales_before_setup' }),
    returns: await describeTable(session, { schema: 'public', name: 'returns' }),
    relations: await session.rows(
      `SELECT n.nspname || '.' || c.relname AS name, c.relkind::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'dwh') AND c.relkind IN ('r', 'p', 'v', 'S', 'i', 'I') ORDER BY 1`,
    ),
    migrations: await session.rows(
      'SELECT folder, name, file_sha256, sql_sha256 FROM dwh.migration_checksums ORDER BY 1, 2',
    ),
    conversions: await session.rows(
      `SELECT dataset, row_count, hash_1, hash_2, renames, swapped_at IS NOT NULL AS swapped, after IS NOT NULL AS measured
         FROM dwh.conversions WHERE undone_at IS NULL`,
    ),
    leases: await session.rows('SELECT work, expires_at FROM dwh.leases'),
  }
}
