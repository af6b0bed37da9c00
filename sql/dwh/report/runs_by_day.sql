-- How many runs of a warehouse ended how, day by day.
-- $1 warehouse, $2 from, $3 until
-- Locks: ACCESS SHARE on the ledger.
SELECT to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
       count(*) FILTER (WHERE r.state IN ('ok', 'running')) AS good,
       count(*) FILTER (WHERE r.state = 'partly') AS partly,
       count(*) FILTER (WHERE r.state NOT IN ('ok', 'running', 'partly')) AS bad
  FROM dwh.run_states AS r
 WHERE r.warehouse = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
 GROUP BY 1
 ORDER BY 1
