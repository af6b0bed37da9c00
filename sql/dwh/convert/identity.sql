-- The identity columns of a table with their sequences.
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS column,
       a.attidentity = 'a' AS always,
       n.nspname::text AS schema,
       s.relname::text AS name,
       format('AS %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s %s', format_type(q.seqtypid, NULL), q.seqstart,
              q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS parameters
  FROM pg_attribute AS a
  JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                     AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
  JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_namespace AS n ON n.oid = s.relnamespace
  JOIN pg_sequence AS q ON q.seqrelid = s.oid
 WHERE a.attrelid = $1::bigint::oid AND a.attidentity <> '' AND NOT a.attisdropped
 ORDER BY a.attnum
