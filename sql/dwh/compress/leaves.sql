-- The tables that hold the rows of a table: its leaves, or itself.
-- $1 oid of the table
-- Locks: ACCESS SHARE on each table while its files are looked at.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       pg_relation_size(c.oid) AS heap_bytes,
       CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END AS toast_bytes
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.oid IN (SELECT relid FROM pg_partition_tree($1::bigint::oid::regclass) WHERE isleaf
                  UNION ALL
                 SELECT $1::bigint::oid WHERE NOT EXISTS (SELECT FROM pg_partition_tree($1::bigint::oid::regclass)))
 ORDER BY c.relname
