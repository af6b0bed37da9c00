-- The days that other chunks of the source and the parameters of one have brought, or that are planned: each run of them once.
-- $1 chunk
-- Locks: ACCESS SHARE on dwh.chunks.
SELECT lower(days)::text AS window_from, upper(days)::text AS window_to
  FROM (SELECT unnest(range_agg(daterange(o.window_from, o.window_to))) AS days
          FROM dwh.chunks AS c
          JOIN dwh.chunks AS o USING (warehouse, dataset, source, parameters)
         WHERE c.chunk = $1::bigint AND o.chunk <> c.chunk AND o.window_from IS NOT NULL
           AND (o.backfill = c.backfill OR o.ended_at IS NULL OR o.outcome IN ('done', 'flagged') AND o.undone_at IS NULL)) AS beside
