-- The foreign keys of other tables to a table, by the columns of it that they name.
-- $1 oid of the table
-- Locks: none.
SELECT k.conname::text AS name,
       k.conrelid::regclass::text AS referencing,
       r.relkind = 'p' AS referencing_is_partitioned,
       pg_get_constraintdef(k.oid) AS definition,
       (SELECT array_agg(a.attname::text ORDER BY c.n)
          FROM unnest(k.confkey) WITH ORDINALITY AS c (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.attnum) AS columns,
       (SELECT string_agg(format('referenced.%I OPERATOR(%I.%s) referencing.%I', a.attname, n.nspname, o.oprname, b.attname), ' AND '
                          ORDER BY c.n)
          FROM unnest(k.confkey, k.conkey, k.conpfeqop) WITH ORDINALITY AS c (attnum, referencing, operator, n)
          JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.attnum
          JOIN pg_attribute AS b ON b.attrelid = k.conrelid AND b.attnum = c.referencing
          JOIN pg_operator AS o ON o.oid = c.operator
          JOIN pg_namespace AS n ON n.oid = o.oprnamespace) AS matches
  FROM pg_constraint AS k
  JOIN pg_class AS r ON r.oid = k.conrelid
 WHERE k.confrelid = $1::bigint::oid AND k.contype = 'f' AND k.conrelid <> k.confrelid AND k.conparentid = 0
 ORDER BY 2, 1
