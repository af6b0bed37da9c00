-- Opens the row of a run. The connection that executes this must live as long as the run.
-- $1 command, $2 words, $3 warehouse, $4 version, $5 host, $6 os user, $7 os pid,
-- $8 datasets
-- Locks: ROW EXCLUSIVE on dwh.runs.
INSERT INTO dwh.runs (command, words, warehouse, version, host, os_user, os_pid, datasets, backend_pid, backend_start)
SELECT $1::text, $2::text[], $3::text, $4::text, $5::text, $6::text, $7::integer, $8::text[], a.pid, a.backend_start
  FROM pg_stat_activity AS a
 WHERE a.pid = pg_backend_pid()
RETURNING run
