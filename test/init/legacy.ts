import type { Session } from '../../src/postgres/session.ts'

/** Tables as a database holds them that nobody has tended for years. */
export async function legacyDatabase(session: Session): Promise<void> {
  await session.run(`
    CREATE SCHEMA facts;
    CREATE TABLE public.companies (company_key bigserial PRIMARY KEY, company_id bigint NOT NULL UNIQUE, name text);
    INSERT INTO public.companies (company_id, name) SELECT n, 'Société ' || n FROM generate_series(1, 500) AS n;

    -- Integer dates, some empty and some -1; keys that stand twice without a unique constraint; a view, a foreign key.
    CREATE TABLE facts.invoices (fact_id bigserial, invoice_id bigint NOT NULL, company_key bigint REFERENCES public.companies,
      invoice_date_key integer, due_date_key integer, amount numeric(15,2), document text, updated_at timestamptz NOT NULL DEFAULT now());
    COMMENT ON TABLE facts.invoices IS 'Invoices: "all" of them';
    INSERT INTO facts.invoices (invoice_id, company_key, invoice_date_key, due_date_key, amount, document, updated_at)
    SELECT n - CASE WHEN n % 50 = 0 THEN 1 ELSE 0 END, 1 + n % 500,
           CASE WHEN n % 200 = 0 THEN NULL WHEN n % 333 = 0 THEN -1 ELSE to_char(day, 'YYYYMMDD')::integer END,
           CASE WHEN n % 3 <> 0 THEN to_char(day + 60, 'YYYYMMDD')::integer END, n, repeat('ligne ' || n, 100), day
      FROM (SELECT n, now()::date - (n * 2100 / 20000) AS day FROM generate_series(1, 20000) AS n) AS days;
    CREATE INDEX invoices_company ON facts.invoices (company_key);
    CREATE VIEW facts.recent AS SELECT invoice_id, amount FROM facts.invoices WHERE invoice_date_key > 20240101;

    -- A key of its own, and other tables that refer to it by that key alone.
    CREATE TABLE public.orders (id bigserial PRIMARY KEY, ordered_on date NOT NULL);
    INSERT INTO public.orders (ordered_on) SELECT now()::date - n / 10 FROM generate_series(1, 15000) AS n;
    CREATE TABLE public.payments (payment_id bigint PRIMARY KEY, order_id bigint REFERENCES public.orders, paid_at timestamptz NOT NULL,
      updated_at timestamptz);
    INSERT INTO public.payments SELECT n, 1 + n % 15000, now() - n * interval '1 hour', now() FROM generate_series(1, 14000) AS n;

    -- Years and quarters, history only; a unique index that has the partition key.
    CREATE TABLE facts.targets (site text NOT NULL, annee smallint NOT NULL, trimestre integer NOT NULL, value numeric);
    INSERT INTO facts.targets SELECT 'site ' || s, 2010 + q / 4, 1 + q % 4, s FROM generate_series(1, 500) AS s, generate_series(0, 23) AS q;
    CREATE UNIQUE INDEX targets_site ON facts.targets (site, annee, trimestre);

    -- Dates that somebody mistyped, years before and after all others.
    CREATE TABLE public.visits (visited timestamp, page text);
    INSERT INTO public.visits SELECT now()::date - n * interval '1 hour', 'page ' || n FROM generate_series(1, 13000) AS n;
    INSERT INTO public.visits VALUES ('1917-05-01', 'x'), ('2088-01-01', 'y'), ('2088-01-01', 'z'), ('infinity', 'never');

    -- What is left alone.
    CREATE TABLE public.words AS SELECT 'word ' || n AS word FROM generate_series(1, 12000) AS n;
    CREATE TABLE public.stamped AS SELECT n, now() - n * interval '1 day' AS updated_at FROM generate_series(1, 12000) AS n;
    CREATE TABLE public.tiny AS SELECT now()::date AS day;
    CREATE TABLE public.void (day date);
    CREATE UNLOGGED TABLE public.scratch AS SELECT now()::date - n AS day FROM generate_series(1, 12000) AS n;
    CREATE TABLE public.parted (day date) PARTITION BY RANGE (day);
    CREATE TABLE public.base (day date);
    CREATE TABLE public.derived () INHERITS (public.base);
    CREATE TABLE public.numbers AS SELECT n AS id, 20000000 + n AS code FROM generate_series(1, 12000) AS n;`)
  await session.run('VACUUM (ANALYZE)')
}
