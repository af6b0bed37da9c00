-- The newest loads first.
-- $1 how many at the most; each of these, or NULL for all: $2 load, $3 warehouse, $4 dataset, $5 state
-- Locks: ACCESS SHARE on the ledger.
SELECT load, run, warehouse, dataset, schema_name, table_name, input, header, reading, bytes, sha256, mapping, strategy, landing,
       records, inserted, updated, unchanged, moved, replaced, duplicates, rejected, leaves, started_at, finished_at, failed_at,
       error_code, error, superseded_by, state
  FROM dwh.load_states
 WHERE ($2::bigint IS NULL OR load = $2::bigint)
   AND ($3::text IS NULL OR warehouse = $3::text)
   AND ($4::text IS NULL OR dataset = $4::text)
   AND ($5::text IS NULL OR state = $5::text)
 ORDER BY load DESC
 LIMIT $1::integer
