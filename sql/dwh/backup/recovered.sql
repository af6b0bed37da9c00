-- How far the recovery went that a server began with.
-- Locks: none.
SELECT pg_is_in_recovery() AS in_recovery,
       pg_last_xact_replay_timestamp() AS last_transaction,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline
