-- What a name stands for: nothing, a plain table, a partitioned one, or something else.
-- $1 schema, $2 name
-- Locks: none.
SELECT c.oid::bigint AS oid,
       c.relkind::text AS relkind,
       c.relpersistence::text AS persistence,
       p.partstrat::text AS strategy,
       p.partexprs IS NOT NULL AS has_expressions,
       coalesce((SELECT array_agg(a.attname::text ORDER BY k.n)
                   FROM unnest(p.partattrs::smallint[]) WITH ORDINALITY AS k (attnum, n)
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum), '{}') AS key,
       coalesce((SELECT array_agg(format_type(a.atttypid, NULL) ORDER BY k.n)
                   FROM unnest(p.partattrs::smallint[]) WITH ORDINALITY AS k (attnum, n)
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum), '{}') AS key_types,
       c.relispartition AS is_leaf,
       EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid) AS has_children,
       EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid) AS has_parents
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
 WHERE n.nspname = $1::text AND c.relname = $2::text
