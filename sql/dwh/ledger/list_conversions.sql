-- The conversions of a warehouse, newest first.
-- $1 warehouse
-- Locks: ACCESS SHARE on dwh.conversions.
SELECT conversion, warehouse, dataset, schema_name, table_name, run, plain_oid::bigint AS plain_oid, shadow_name, before_name, structure,
       before, after, renames, undo, unvalidated, backup, duplicates, row_count, hash_1::text, hash_2::text, algorithm, started_at, swapped_at, undone_at,
       finished_at
  FROM dwh.conversions
 WHERE warehouse = $1::text
 ORDER BY conversion DESC
