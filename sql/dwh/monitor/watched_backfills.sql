-- The backfills that are watched: those of these numbers and, where asked, all with a worker alive; where that is none, the
-- newest with open chunks, or the last.
-- $1 numbers, $2 whether those with a worker alive count too
-- Locks: ACCESS SHARE on the ledger.
WITH alive AS MATERIALIZED (
  SELECT run, command, words FROM dwh.run_states WHERE ended_at IS NULL AND state = 'running'
), open AS MATERIALIZED (
  SELECT DISTINCT backfill FROM dwh.chunks WHERE ended_at IS NULL
), lively AS (
  SELECT o.backfill FROM open AS o
   WHERE $2::boolean
     AND EXISTS (SELECT FROM alive AS a
                  WHERE a.run = o.backfill
                     OR a.command = 'backfill work' AND o.backfill::text = ANY (a.words)
                     OR EXISTS (SELECT FROM dwh.chunks AS c WHERE c.backfill = o.backfill AND c.worker = a.run))
), chosen AS (
  SELECT unnest($1::bigint[]) AS backfill
   UNION
  SELECT backfill FROM lively
), wanted AS (
  SELECT backfill FROM chosen
   UNION ALL
  SELECT coalesce((SELECT max(backfill) FROM open), (SELECT max(backfill) FROM dwh.backfills))
   WHERE $2::boolean AND NOT EXISTS (SELECT FROM chosen)
)
SELECT b.backfill, b.warehouse, b.wanted, b.wanted_at, b.parallel, b.settings, b.created_at,
       clock_timestamp() AS at,
       current_database()::text AS database,
       span.first_day::text AS first_day,
       span.last_day::text AS last_day,
       span.ended_at,
       span.has_begun
  FROM dwh.backfills AS b
 CROSS JOIN LATERAL (
         SELECT min(c.window_from) AS first_day,
                max(c.window_to) - 1 AS last_day,
                CASE WHEN count(*) = count(c.ended_at) THEN max(c.ended_at) END AS ended_at,
                bool_or(c.attempts > 0 OR c.ended_at IS NOT NULL) AS has_begun
           FROM dwh.chunks AS c
          WHERE c.backfill = b.backfill) AS span
 WHERE b.backfill IN (SELECT backfill FROM wanted)
 ORDER BY b.backfill
