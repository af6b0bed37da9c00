-- The prepared transactions of this database, the oldest first. They outlive their sessions and the server.
-- Locks: none.
SELECT gid, owner::text AS role, extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds
  FROM pg_prepared_xacts
 WHERE database = current_database()
 ORDER BY prepared
