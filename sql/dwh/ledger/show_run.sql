-- One run with its state.
-- Locks: ACCESS SHARE on the ledger.
SELECT run, command, words, warehouse, datasets, version, host, os_user, state, started_at, ended_at, exit_code, error_code, error,
       summary, log_path,
       extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at)::float8 AS seconds
  FROM dwh.run_states
 WHERE run = $1::bigint
