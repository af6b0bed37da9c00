-- A run goes on with another connection as its sign of life, after the server has ended the first.
-- $1 run
-- Locks: ROW EXCLUSIVE on dwh.runs.
UPDATE dwh.runs AS r
   SET backend_pid = a.pid, backend_start = a.backend_start
  FROM pg_stat_activity AS a
 WHERE r.run = $1::bigint AND r.ended_at IS NULL AND a.pid = pg_backend_pid()
RETURNING r.run
