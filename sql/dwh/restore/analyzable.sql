-- What has statistics: tables and materialized views, largest first, and partitioned tables behind their leaves, which
-- autovacuum never looks at.
-- Locks: none.
SELECT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
 ORDER BY c.relkind = 'p', pg_relation_size(c.oid) DESC, c.oid
