-- Bytes a row of some tables takes, indexes and TOAST among them, by the statistics; tables without any are left out.
-- $1 schemas, $2 names of the tables, in the same order
-- Locks: ACCESS SHARE on each table while its files are looked at.
SELECT w.schema_name, w.table_name, (sum(pg_total_relation_size(t.relid)) / nullif(sum(greatest(c.reltuples, 0)), 0))::float8 AS bytes
  FROM unnest($1::text[], $2::text[]) AS w (schema_name, table_name)
  JOIN pg_namespace AS n ON n.nspname = w.schema_name
  JOIN pg_class AS p ON p.relnamespace = n.oid AND p.relname = w.table_name
 CROSS JOIN LATERAL (SELECT relid FROM pg_partition_tree(p.oid) WHERE isleaf UNION SELECT p.oid) AS t
  JOIN pg_class AS c ON c.oid = t.relid
 WHERE c.relkind = 'r'
 GROUP BY w.schema_name, w.table_name
HAVING sum(greatest(c.reltuples, 0)) >= 100
