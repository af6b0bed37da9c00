-- Takes the snapshot of the transaction, which must be REPEATABLE READ and have taken none, and gives it a name for others.
-- Locks: none.
SELECT pg_export_snapshot() AS snapshot,
       clock_timestamp() AS at,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn
