-- Transactions of this database that are open for long: they keep dead rows from being removed and may hold locks.
-- $1 seconds
-- Locks: none.
SELECT pid, coalesce(usename::text, '') AS role, coalesce(application_name, '') AS application, coalesce(state, '') AS state,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
  FROM pg_stat_activity
 WHERE xact_start < clock_timestamp() - make_interval(secs => $1::float8)
   AND pid <> pg_backend_pid()
   AND datname = current_database()
   AND backend_type = 'client backend'
 ORDER BY xact_start
