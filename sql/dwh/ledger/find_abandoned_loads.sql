-- Attempts on a table that have no end and nobody who works on them, oldest first.
-- $1 schema, $2 table
-- Locks: ACCESS SHARE on the ledger.
SELECT load, run, input, landing, started_at
  FROM dwh.load_states
 WHERE schema_name = $1::text AND table_name = $2::text AND finished_at IS NULL AND failed_at IS NULL AND state = 'died'
 ORDER BY load
