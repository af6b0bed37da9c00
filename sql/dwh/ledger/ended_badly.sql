-- Of each job the newest slot that has ended: those that failed, and those that nobody was there for. Before it comes one that is
-- still open though it was begun three times and its daemons died.
-- $1 warehouse
-- Locks: ACCESS SHARE on the ledger.
SELECT j.job, s.slot, s.due_at, s.state, s.reason, s.exit_code, s.run, s.attempts
  FROM dwh.jobs AS j
 CROSS JOIN LATERAL (
         SELECT * FROM dwh.slot_states AS s
          WHERE s.warehouse = j.warehouse AND s.job = j.job
            AND (s.state IN ('ran', 'late', 'failed', 'missed')
                 OR s.ended_at IS NULL AND s.attempts > CASE s.state WHEN 'died' THEN 2 ELSE 3 END)
          ORDER BY s.ended_at IS NULL DESC, s.due_at DESC
          LIMIT 1) AS s
 WHERE j.warehouse = $1::text AND j.gone_at IS NULL AND s.state NOT IN ('ran', 'late')
 ORDER BY j.job
