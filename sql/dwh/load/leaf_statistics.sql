-- The extended statistics of a table, by name.
-- $1 quoted name of the table
-- Locks: none.
SELECT n.nspname::text AS schema, s.stxname::text AS name
  FROM pg_statistic_ext AS s
  JOIN pg_namespace AS n ON n.oid = s.stxnamespace
 WHERE s.stxrelid = $1::text::regclass
 ORDER BY s.oid
