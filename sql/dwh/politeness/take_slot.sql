-- Takes one of the slots of a host, of which there are as many as requests at the same time; never waits. A lock of the
-- session: it goes with the connection of a worker that dies.
-- The array decides which are tried: a session would be given again what it holds already.
-- $1 class of the lock, $2 keys
-- Locks: the advisory lock ($1, key) that it returns.
SELECT key FROM unnest($2::integer[]) AS key WHERE pg_try_advisory_lock($1::integer, key) LIMIT 1
