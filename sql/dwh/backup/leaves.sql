-- What holds the rows of a table: itself, or its leaves.
-- $1 quoted name of the table; no row where there is none
-- Locks: none.
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name
  FROM (SELECT to_regclass($1::text)::oid AS oid UNION SELECT relid FROM pg_partition_tree(to_regclass($1::text))) AS part
  JOIN pg_class AS c ON c.oid = part.oid AND c.relkind = 'r'
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 ORDER BY n.nspname, c.relname
