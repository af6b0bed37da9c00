-- Who waits for a lock that a backend holds: they would keep others, the workers of pg_dump too, from what they ask for.
-- $1 pid of the backend
-- Locks: none.
SELECT a.pid,
       coalesce(a.application_name, '') AS application,
       coalesce(a.usename::text, '') AS role,
       l.relation::regclass::text AS target,
       left(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 80) AS query
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE NOT l.granted AND l.locktype = 'relation' AND $1::integer = ANY (pg_blocking_pids(l.pid))
 ORDER BY a.query_start
 LIMIT 1
