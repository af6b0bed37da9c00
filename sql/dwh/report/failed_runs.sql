-- The newest runs of a warehouse that ended badly.
-- $1 warehouse, $2 from, $3 until, $4 how many
-- Locks: ACCESS SHARE on the ledger.
SELECT r.run, array_to_string(r.words, ' ') AS command, r.state, r.started_at, r.error_code, r.error
  FROM dwh.run_states AS r
 WHERE r.warehouse = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
   AND r.state NOT IN ('ok', 'running')
 ORDER BY r.run DESC
 LIMIT $4::integer
