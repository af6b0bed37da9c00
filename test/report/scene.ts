import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { quietWork } from '../support/work.ts'

/** A warehouse file of an orders table by month, a clients table, and jobs. */
export const reported = {
  description: 'Sales of <Müller & Söhne>',
  datasets: {
    orders: {
      target: 'public.orders',
      key: 'id',
      freshness: 'updated_at',
      columns: { id: 'bigint', day: 'date', note: 'text', updated_at: 'timestamptz' },
      partition: { key: 'day', kind: 'date', grain: 'month', from: '2026-01', premake: 2 },
    },
    clients: { target: 'public.clients', columns: { id: 'bigint', name: 'text' } },
    absent: { target: 'public.absent', columns: { id: 'bigint' } },
  },
  schedule: {
    jobs: { daily: { cron: '0 2 * * *', run: ['status'] }, weekly: { cron: '30 2 * * 1', run: ['status'] } },
  },
}

/** Tables, and a ledger with forty days of history until now. */
export async function history(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  await session.run(`
    CREATE TABLE public.orders (id bigint, day date, note text, updated_at timestamptz) PARTITION BY RANGE (day);
    CREATE TABLE public.clients (id bigint PRIMARY KEY, name text);
    DO $$ BEGIN FOR m IN 0..12 LOOP EXECUTE format('CREATE TABLE public.orders_%s PARTITION OF public.orders FOR VALUES FROM (%L) TO (%L)',
      to_char(date_trunc('month', current_date) + (m - 11) * interval '1 month', 'YYYY_MM'),
      (date_trunc('month', current_date) + (m - 11) * interval '1 month')::date, (date_trunc('month', current_date) + (m - 10) * interval '1 month')::date);
    END LOOP; END $$;
    INSERT INTO public.orders SELECT n, current_date - (n % 300)::int, repeat('x', (n % 90)::int), now() FROM generate_series(1, 40000) AS n;
    INSERT INTO public.clients SELECT n, 'client ' || n FROM generate_series(1, 2000) AS n;
    CREATE INDEX clients_name ON public.clients (name); CREATE INDEX clients_name_too ON public.clients (name);
    ANALYZE public.orders, public.clients;
    INSERT INTO dwh.runs (command, words, warehouse, version, host, os_user, os_pid, backend_pid, backend_start, started_at, ended_at, exit_code, error_code, error, datasets)
    SELECT (ARRAY['load', 'maintain', 'backfill run'])[1 + n % 3], ARRAY[(ARRAY['load', 'maintain', 'backfill'])[1 + n % 3], (ARRAY['orders', 'weekly', 'run'])[1 + n % 3]], 'test',
           '0.1.0', 'dwh-1', 'dba', 1, 1, now(), now() - n * interval '5 hours', now() - n * interval '5 hours' + interval '4 min',
           CASE WHEN n % 37 = 5 THEN 1 WHEN n % 41 = 7 THEN 5 ELSE 0 END, CASE WHEN n % 37 = 5 THEN 'SOURCE_FAILED' END,
           CASE WHEN n % 37 = 5 THEN 'https://api.example.org/<orders>?page=' || n || ' answered 503 eight times; the rest of the window is open and the next run takes it up' END,
           ARRAY['orders']
      FROM generate_series(1, 160) AS n;
    INSERT INTO dwh.events (run, at, kind, data)
    SELECT run, started_at, 'step', jsonb_build_object('step', (ARRAY['copy', 'deduplicate', 'publish'])[1 + run % 3], 'state', 'done', 'seconds', 3 + (run * 7919 % 997))
      FROM dwh.runs;
    INSERT INTO dwh.sizes (day, warehouse, leaf, dataset, row_count, heap_bytes, index_bytes, toast_bytes, dead_rows)
    SELECT (now() AT TIME ZONE 'UTC')::date - d, 'test', s.leaf, s.dataset, s.rows + (40 - d) * s.pace / 100, s.bytes + (40 - d) * s.pace * 80, s.bytes / 3 + (40 - d) * s.pace * 20, 0, 0
      FROM generate_series(0, 40) AS d,
           (VALUES ('public.orders_a', 'orders', 4000000, 600000000, 90000), ('public.orders_b', 'orders', 3000000, 500000000, 20000),
                   ('public.clients', 'clients', 200000, 150000000, 15000)) AS s (leaf, dataset, rows, bytes, pace)
     WHERE d <> 17;
    INSERT INTO dwh.jobs (warehouse, job, definition) VALUES ('test', 'daily', '{"cron": "0 2 * * *", "zone": "UTC", "run": ["status"], "dead_after": null}'),
                                                            ('test', 'weekly', '{"cron": "30 2 * * 1", "zone": "UTC", "run": ["status"], "dead_after": null}');
    INSERT INTO dwh.slots (warehouse, job, due_at, started_at, ended_at, outcome, reason, exit_code)
    SELECT 'test', 'daily', t, CASE WHEN o IN ('ran', 'late') THEN t END, t + interval '9 min', o, CASE WHEN o IN ('ran', 'late') THEN NULL ELSE 'nobody was there' END,
           CASE WHEN o IN ('ran', 'late') THEN CASE WHEN n = 3 THEN 1 ELSE 0 END END
      FROM (SELECT n, date_trunc('day', now()) - n * interval '1 day' + interval '2 h' AS t,
                   CASE WHEN n = 9 THEN 'missed' WHEN n % 13 = 4 THEN 'late' WHEN n = 20 THEN 'skipped' ELSE 'ran' END AS o FROM generate_series(1, 38) AS n) AS d;
    INSERT INTO dwh.slots (warehouse, job, due_at, started_at, ended_at, outcome, exit_code)
    SELECT 'test', 'weekly', t, t, t + interval '20 min', 'ran', 0 FROM (SELECT date_trunc('week', now()) - n * interval '7 days' + interval '2.5 h' AS t FROM generate_series(0, 4) AS n) AS w;
    INSERT INTO dwh.tasks (run, warehouse, name, subject, started_at, ended_at, outcome, reason, after)
    SELECT run, 'test', name, 'public.orders', started_at, started_at + interval '70 s', CASE WHEN run % 11 = 3 THEN 'failed' WHEN run % 5 = 1 THEN 'nothing' ELSE 'done' END, 'why',
           CASE WHEN name = 'rewrite' THEN '{"freed": 31000000}'::jsonb END
      FROM dwh.runs, unnest(ARRAY['partitions', 'vacuum', 'rewrite', 'reindex']) AS name WHERE command = 'maintain';
    INSERT INTO dwh.alerts (warehouse, condition, subject, message, hint)
    VALUES ('test', 'runway', 'orders', 'the leaves of orders end in 38 days', 'dwh partitions create orders')`)
}
