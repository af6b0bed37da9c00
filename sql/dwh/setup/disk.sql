-- The disk that a table takes: a plain one, or the leaves of a partitioned one together. A heap counts with its free space
-- map and visibility map, a TOAST table with its index.
-- $1 oid of the table
-- Locks: ACCESS SHARE on each table and index while its files are looked at.
SELECT count(*) AS tables,
       coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes,
       coalesce(sum(pg_table_size(c.oid) - toast), 0)::bigint AS heap_bytes,
       coalesce(sum(toast), 0)::bigint AS toast_bytes,
       coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint AS index_bytes
  FROM pg_class AS c
 CROSS JOIN LATERAL (SELECT CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END AS toast) AS t
  -- A plain table has no partition tree, and is its own.
 WHERE c.oid IN (SELECT relid FROM pg_partition_tree($1::bigint::oid::regclass) WHERE isleaf
                  UNION ALL
                 SELECT $1::bigint::oid WHERE NOT EXISTS (SELECT FROM pg_partition_tree($1::bigint::oid::regclass)))
