-- The conversion of a table that is neither undone nor finished.
-- $1 schema, $2 table
-- Locks: ACCESS SHARE on dwh.conversions.
SELECT conversion, warehouse, dataset, schema_name, table_name, run, plain_oid::bigint AS plain_oid, shadow_name, before_name, structure,
       before, after, renames, undo, unvalidated, backup, duplicates, row_count, hash_1::text, hash_2::text, algorithm, started_at, swapped_at, undone_at,
       finished_at
  FROM dwh.conversions
 WHERE schema_name = $1::text AND table_name = $2::text AND undone_at IS NULL AND finished_at IS NULL
