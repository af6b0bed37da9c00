-- The table that another is a leaf or a child of, or that is one of it; no row where it stands alone.
-- $1 oid
-- Locks: none.
SELECT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = CASE i.inhrelid WHEN $1::bigint::oid THEN i.inhparent ELSE i.inhrelid END
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE $1::bigint::oid IN (i.inhrelid, i.inhparent)
 LIMIT 1
