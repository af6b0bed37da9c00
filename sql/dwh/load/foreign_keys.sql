-- The foreign keys of a table to others: their columns side by side, and the definition for another table.
-- $1 oid of the table
-- Locks: none.
SELECT k.conname::text AS name,
       pg_get_constraintdef(k.oid) AS definition,
       n.nspname::text AS schema,
       c.relname::text AS table_name,
       (SELECT array_agg(a.attname::text ORDER BY p.n)
          FROM unnest(k.conkey) WITH ORDINALITY AS p (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY p.n)
          FROM unnest(k.confkey) WITH ORDINALITY AS p (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.attnum) AS foreign_columns
  FROM pg_constraint AS k
  JOIN pg_class AS c ON c.oid = k.confrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE k.conrelid = $1::bigint::oid AND k.contype = 'f' AND k.conparentid = 0
   AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
 ORDER BY k.conname
