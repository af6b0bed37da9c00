-- The connections of pg_repacks that have outlived the run of dwh which started them, with the table that each works on.
-- $1 oids of tables
-- Locks: ACCESS SHARE on dwh.runs.
SELECT c.oid::bigint AS oid, b.pid
  FROM pg_class AS c
  JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.classid = 16185446 AND l.objid::bigint = 2147483648 + c.oid::bigint AND l.granted
                    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.application_name ~ '^dwh pg_repack [0-9]+$'
  -- It works on two connections.
  JOIN pg_stat_activity AS b ON b.datid = a.datid AND b.usesysid = a.usesysid AND b.application_name = a.application_name
 WHERE c.oid = ANY ($1::bigint[]::oid[])
   AND NOT EXISTS (SELECT FROM dwh.run_states AS r
                    WHERE r.run = substring(a.application_name FROM '[0-9]+$')::bigint AND r.state = 'running')
