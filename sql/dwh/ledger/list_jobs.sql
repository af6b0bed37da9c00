-- The jobs of a warehouse with what is open of each, and the time.
-- $1 warehouse, $2 the time, or NULL for the server's
-- Locks: ACCESS SHARE on the ledger.
SELECT j.job, j.definition, j.known_from, j.planned_to, j.paused_at, j.paused_by, j.gone_at,
       date_trunc('milliseconds', coalesce($2::timestamptz, clock_timestamp())) AS now,
       EXISTS (SELECT FROM dwh.slots AS s WHERE s.warehouse = j.warehouse AND s.job = j.job AND s.ended_at IS NULL) AS has_open
  FROM dwh.jobs AS j
 WHERE j.warehouse = $1::text
 ORDER BY j.job
