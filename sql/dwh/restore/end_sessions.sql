-- Ends the sessions of a database and waits until each has gone, 5 s at most.
-- $1 name of the database
-- Locks: none.
SELECT a.pid, pg_terminate_backend(a.pid, 5000) AS gone
  FROM pg_stat_activity AS a
 WHERE a.datname = $1::text AND a.pid <> pg_backend_pid()
