-- Attempts on a table that have no end and nobody who works on them, oldest first. Whoever holds the lease of an input may
-- take its attempts for dead, whatever their runs are: a client that stands still keeps its run.
-- $1 schema, $2 table, $3 name of the input whose lease is held
-- Locks: ACCESS SHARE on the ledger.
SELECT load, run, input, landing, started_at
  FROM dwh.load_states
 WHERE schema_name = $1::text AND table_name = $2::text AND finished_at IS NULL AND failed_at IS NULL
   AND (state = 'died' OR input = $3::text)
 ORDER BY load
