-- Tries to take an advisory lock for the session; never waits (a blocking wait deadlocks with CREATE INDEX CONCURRENTLY).
-- Locks: the advisory lock ($1, $2).
SELECT pg_try_advisory_lock($1::integer, $2::integer) AS taken
