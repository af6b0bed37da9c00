-- Who holds an advisory lock in this database.
-- Locks: none.
SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename::text, '') AS role
  FROM pg_locks AS l
  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.classid = $1::integer::oid AND l.objid = $2::integer::oid
