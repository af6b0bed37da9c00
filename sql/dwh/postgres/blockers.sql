-- Who stands in the way of a backend that waits for a lock, told to the user when the lock ladder ends: those who hold it
-- before those who wait in front, the longest transaction first. pid 0 is a prepared transaction.
-- $1 pid of the backend that waits
-- Locks: none.
SELECT b.pid,
       CASE WHEN w.relation IS NULL THEN w.locktype ELSE w.relation::regclass::text END AS target,
       h.mode,
       coalesce(nullif(a.application_name, ''), a.backend_type, '') AS application,
       coalesce(a.usename::text, '') AS role,
       coalesce(a.state, '') AS state,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start))::float8 AS seconds,
       left(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 80) AS query
  FROM (SELECT DISTINCT unnest(pg_blocking_pids($1::integer)) AS pid) AS b
  LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid
  LEFT JOIN LATERAL (
         SELECT l.locktype, l.database, l.relation
           FROM pg_locks AS l
          WHERE l.pid = $1::integer AND NOT l.granted
          LIMIT 1) AS w ON true
  LEFT JOIN LATERAL (
         SELECT string_agg(l.mode, ', ' ORDER BY l.mode) AS mode
           FROM pg_locks AS l
          WHERE l.pid = b.pid AND l.granted AND l.locktype = 'relation'
            AND l.database = w.database AND l.relation = w.relation) AS h ON true
 ORDER BY h.mode IS NULL, seconds DESC NULLS LAST, b.pid
