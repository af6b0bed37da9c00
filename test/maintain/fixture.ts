import type { Session } from '../../src/postgres/session.ts'

/** Sales of 2022 to 2025 in yearly leaves, with a dimension; nothing of it was ever vacuumed or analyzed. */
export async function sales(session: Session, rowsOfYear = 2000): Promise<void> {
  await session.run(`
    CREATE TABLE public.clients (client int PRIMARY KEY, name text) WITH (autovacuum_enabled = false);
    INSERT INTO public.clients SELECT n, 'client ' || n FROM generate_series(1, 500) AS n;
    CREATE TABLE public.sales (id bigint, day date NOT NULL, client int REFERENCES public.clients, amount numeric(12,2), note text,
                               PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`)
  for (const year of [2022, 2023, 2024, 2025]) {
    await session.run(`
      CREATE TABLE public.sales_${year} PARTITION OF public.sales FOR VALUES FROM ('${year}-01-01') TO ('${year + 1}-01-01')
        WITH (autovacuum_enabled = false);
      INSERT INTO public.sales SELECT n, date '${year}-01-01' + (n % 365)::int, 1 + n % 500, n / 7.0, repeat('x', 40) || n
        FROM generate_series(${year}::bigint * 100000, ${year}::bigint * 100000 + ${rowsOfYear - 1}) AS n`)
  }
}

export const salesPolicy = { key: 'day', kind: 'date', grain: 'year', from: 2022, premake: 1 }

export const salesDatasets = {
  sales: { target: 'public.sales', key: ['id', 'day'], recency: 'day', partition: salesPolicy },
  clients: { target: 'public.clients', key: 'client' },
}

/** How the tasks of a run have ended, by what they are: `vacuum sales_2022: done`. */
export async function endings(session: Session): Promise<string[]> {
  const rows = await session.rows<{ line: string }>(
    `SELECT name || ' ' || replace(replace(subject, '"public".', ''), '"', '') || ': ' || coalesce(outcome, 'open') AS line
       FROM dwh.tasks WHERE run = (SELECT max(run) FROM dwh.tasks) ORDER BY name, subject`,
  )
  return rows.map(({ line }) => line)
}
