-- Ends the backends of a former holder, each only if it is still the same session: a stopped client keeps its locks.
-- $1 pids, $2 their starts, as text: a JavaScript date would lose the microseconds
-- Locks: none.
SELECT held.pid, pg_terminate_backend(held.pid, 5000) AS ended
  FROM unnest($1::integer[], $2::text[]::timestamptz[]) AS held (pid, started)
  JOIN pg_stat_activity AS a ON a.pid = held.pid AND a.backend_start = held.started
