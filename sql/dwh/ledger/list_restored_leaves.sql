-- Restored leaves of a table of which something lies beside it, newest restore first.
-- $1 schema, $2 table
-- Locks: ACCESS SHARE on dwh.restored_leaves.
SELECT leaf, batch, dataset, schema_name, table_name, bound, leaf_name, backup, manifest, backup_oid, aside_name,
       aside_oid::bigint AS aside_oid, kept_name, kept_oid::bigint AS kept_oid, indexes, rows,
       CASE
         WHEN undone_at IS NOT NULL   THEN 'undone'
         WHEN attached_at IS NOT NULL THEN 'attached'
         WHEN proved_at IS NOT NULL   THEN 'proved'
         WHEN filled_at IS NOT NULL   THEN 'filled'
         ELSE 'created'
       END AS state
  FROM dwh.restored_leaves
 WHERE ended_at IS NULL AND schema_name = $1::text AND table_name = $2::text
 ORDER BY batch DESC, leaf
