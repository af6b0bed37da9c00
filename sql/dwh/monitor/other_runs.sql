-- Runs at work, but for these.
-- $1 runs
-- Locks: ACCESS SHARE on the ledger.
SELECT r.run, r.command, r.datasets,
       extract(epoch FROM clock_timestamp() - r.started_at)::float8 AS seconds,
       (SELECT e.data ->> 'step' FROM dwh.events AS e WHERE e.run = r.run AND e.kind = 'step' ORDER BY e.event DESC LIMIT 1) AS step
  FROM dwh.run_states AS r
 WHERE r.ended_at IS NULL AND r.state = 'running' AND r.run <> ALL ($1::bigint[])
 ORDER BY r.run
 LIMIT 10
