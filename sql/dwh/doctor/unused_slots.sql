-- Replication slots that nobody reads from, and the bytes of WAL that each keeps on the disk.
-- Locks: none.
SELECT slot_name::text AS name,
       coalesce(wal_status, '') AS wal_status,
       coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                                restart_lsn), 0)::float8 AS bytes
  FROM pg_replication_slots
 WHERE NOT active AND NOT temporary
 ORDER BY 3 DESC
