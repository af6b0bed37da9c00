-- The tables that the foreign keys of a table refer to, in an order in which all lock them.
-- $1 oid of the table
-- Locks: none.
SELECT DISTINCT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_constraint AS k
  JOIN pg_class AS c ON c.oid = k.confrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE k.conrelid = $1::bigint::oid AND k.contype = 'f'
 ORDER BY 1, 2
