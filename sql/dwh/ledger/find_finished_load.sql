-- The load that has brought this content into a table already.
-- $1 schema, $2 table, $3 size, $4 hash, $5 hash of the mapping
-- Locks: ACCESS SHARE on the ledger.
SELECT load, run, warehouse, dataset, schema_name, table_name, input, header, reading, bytes, sha256, mapping, strategy, landing,
       records, inserted, updated, unchanged, moved, replaced, duplicates, rejected, leaves, started_at, finished_at, failed_at,
       error_code, error, superseded_by, state
  FROM dwh.load_states
 WHERE schema_name = $1::text AND table_name = $2::text AND bytes = $3::bigint AND sha256 = $4::text AND mapping = $5::text
   AND finished_at IS NOT NULL AND superseded_by IS NULL
