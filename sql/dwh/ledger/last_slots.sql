-- The newest slots of each job.
-- $1 warehouse, $2 how many of each
-- Locks: ACCESS SHARE on the ledger.
SELECT s.job, s.slot, s.due_at, s.started_at, s.ended_at, s.state, s.outcome, s.reason, s.exit_code, s.run, s.holder,
       CASE WHEN s.ended_at IS NOT NULL OR s.state = 'running'
            THEN extract(epoch FROM coalesce(s.ended_at, clock_timestamp()) - s.started_at)::float8 END AS seconds,
       extract(epoch FROM s.started_at - s.due_at)::float8 AS late_seconds
  FROM dwh.jobs AS j
 CROSS JOIN LATERAL (
         SELECT * FROM dwh.slot_states AS s
          WHERE s.warehouse = j.warehouse AND s.job = j.job
          ORDER BY s.due_at DESC
          LIMIT $2::integer) AS s
 WHERE j.warehouse = $1::text
 ORDER BY s.job, s.due_at DESC
