-- Lets other sessions read as of the moment of this transaction, for as long as it lasts.
-- Locks: none.
SELECT pg_export_snapshot() AS name, pg_current_snapshot()::text AS marker
