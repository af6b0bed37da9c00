-- The steps of runs of a warehouse that took longest.
-- $1 warehouse, $2 from, $3 until, $4 how many
-- Locks: ACCESS SHARE on the ledger.
SELECT r.run, r.command, e.data ->> 'step' AS step, (e.data ->> 'seconds')::float8 AS seconds, e.at
  FROM dwh.events AS e
  JOIN dwh.runs AS r USING (run)
 WHERE r.warehouse = $1::text AND e.kind = 'step' AND e.data ? 'seconds'
   AND e.at >= $2::timestamptz AND e.at < $3::timestamptz
 ORDER BY 4 DESC
 LIMIT $4::integer
