-- The CHECK constraints of a table, with their conditions and the columns that these speak of.
-- $1 oid of the table
-- Locks: none.
SELECT k.conname::text AS name, pg_get_expr(k.conbin, k.conrelid) AS condition,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS columns
  FROM pg_constraint AS k
 WHERE k.conrelid = $1::bigint::oid AND k.contype = 'c'
   AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
 ORDER BY k.conname
