-- What keeps a database from being renamed or dropped: sessions other than ours, prepared transactions, and (they would stay
-- with it) logical replication slots and subscriptions.
-- $1 name of the database
-- Locks: none.
SELECT 'session' AS kind,
       a.pid,
       concat_ws(', ', coalesce(a.usename::text, a.backend_type), nullif(a.application_name, ''), a.client_addr::text, a.state,
                 'since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')) AS who
  FROM pg_stat_activity AS a
 WHERE a.datname = $1::text AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker'
 UNION ALL
SELECT 'prepared transaction', NULL, concat_ws(', ', x.gid, x.owner) FROM pg_prepared_xacts AS x WHERE x.database = $1::text
 UNION ALL
SELECT 'replication slot', s.active_pid, s.slot_name FROM pg_replication_slots AS s WHERE s.database = $1::text
 UNION ALL
SELECT 'subscription', NULL, s.subname FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = $1::text
 ORDER BY 1, 2
