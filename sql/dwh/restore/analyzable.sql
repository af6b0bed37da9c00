-- What is to be analyzed: tables and materialized views, largest first, and partitioned tables, which autovacuum never looks
-- at. Until PostgreSQL 18 a partitioned table takes its leaves along, one after the other, which then need not come by themselves;
-- from 18 on `is_only` keeps it from doing so, and they come side by side before it.
-- Locks: none.
WITH server AS (
  SELECT current_setting('server_version_num')::integer >= 180000 AS knows_only
)
SELECT n.nspname::text AS schema, c.relname::text AS name, s.knows_only AND c.relkind = 'p' AS is_only
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 CROSS JOIN server AS s
 WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
   AND (s.knows_only OR NOT c.relispartition)
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
 ORDER BY (c.relkind = 'p') = s.knows_only, pg_relation_size(c.oid) DESC, c.oid
