import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { datasetSchema } from '../../src/warehouse/dataset.ts'
import type { Dataset } from '../../src/warehouse/load.ts'
import { quietWork } from '../support/work.ts'

/** A database in which nearly every question about tables is answered with no. */
export async function sickDatabase(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  const database = session.target.database
  await session.run(`
    -- Redundant, unused and invalid indexes; duplicates of a key that nothing rules out.
    CREATE TABLE public.orders (id bigint, client text, placed_on date, updated_at timestamptz);
    INSERT INTO public.orders SELECT n % 990, 'client ' || n, date '2024-01-01' + n % 300, timestamptz '2024-01-01 00:00Z' + n * interval '1 min'
      FROM generate_series(1, 1000) AS n;
    CREATE INDEX orders_client ON public.orders (client);
    CREATE INDEX orders_client_again ON public.orders (client);
    CREATE INDEX orders_client_day ON public.orders (client, placed_on);
    CREATE INDEX orders_day ON public.orders (placed_on);
    CREATE INDEX orders_broken ON public.orders (updated_at);
    CREATE INDEX orders_broken_ccnew ON public.orders (updated_at);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('public.orders_broken'::regclass, 'public.orders_broken_ccnew'::regclass);
    ANALYZE public.orders;

    -- Autovacuum off, never analyzed, full of dead rows.
    CREATE TABLE public.neglected (id bigint, payload text) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
    INSERT INTO public.neglected SELECT n, 'x' FROM generate_series(1, 1000) AS n;
    UPDATE public.neglected SET payload = 'y';

    -- Leaves without an index of the parent's, rows in the DEFAULT partition that a leaf would hold, no leaf to come.
    CREATE TABLE public.measure (id bigint GENERATED ALWAYS AS IDENTITY, day date, value numeric, double numeric GENERATED ALWAYS AS (value * 2) STORED)
      PARTITION BY RANGE (day);
    CREATE TABLE public.measure_2024_01 PARTITION OF public.measure FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE public.measure_unknown PARTITION OF public.measure DEFAULT;
    CREATE INDEX measure_double ON public.measure (double);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('public.measure_double'::regclass, 'public.measure_2024_01_double_idx'::regclass);
    CREATE INDEX measure_value ON ONLY public.measure (value);
    ALTER TABLE ONLY public.measure ADD CONSTRAINT measure_key UNIQUE (id, day);
    INSERT INTO public.measure (day, value) SELECT date '2024-01-15' + n, n FROM generate_series(0, 40) AS n;
    INSERT INTO public.measure (day, value) VALUES (NULL, 1), ('1900-01-01', 2);
    ANALYZE public.measure;

    CREATE TABLE public.trips (at timestamptz NOT NULL) PARTITION BY RANGE (at);

    -- What work leaves that died.
    CREATE TABLE public.gone_dwh_shadow (id bigint);
    CREATE TABLE public.gone_after_setup (id bigint);
    ALTER DATABASE "${database}" SET TimeZone = 'America/New_York';`)
}

/** What the warehouse file says of it. */
export const sickFile = {
  orders: { target: 'public.orders', key: 'id', recency: 'updated_at' },
  measure: {
    target: 'public.measure',
    key: 'id',
    partition: { key: 'day', kind: 'date', grain: 'month', from: '2024-01', premake: 0, unknown: true },
  },
  trips: {
    target: 'public.trips',
    partition: { key: 'at', kind: 'timestamptz', grain: 'year', zone: 'Europe/Paris' },
  },
}

/** Datasets as a warehouse file would have them. */
export function asDatasets(file: object): Dataset[] {
  return Object.entries(file).map(([name, fields]) => ({ name, ...datasetSchema.parse(fields) }))
}

/** So low that a test need not wait for what takes days elsewhere, and the others of the server need not be waited for. */
export const lowLimits = {
  deadRows: 100,
  unusedDays: 0,
  unusedBytes: 8192,
  transactionSeconds: 3600,
  keptDays: 0,
}
