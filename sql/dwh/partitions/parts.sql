-- The indexes and the constraints that a table has by now.
-- $1 its quoted name
-- Locks: none.
SELECT 'index' AS kind, i.relname::text AS name
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid
 WHERE x.indrelid = to_regclass($1::text)
 UNION ALL
SELECT 'constraint', k.conname::text FROM pg_constraint AS k WHERE k.conrelid = to_regclass($1::text)
