-- The indexes of a table. `tail` is what follows USING in the definition, so that the index can be made on another table.
-- $1 oid of the table
-- Locks: none.
SELECT i.relname::text AS name,
       x.indisunique AS is_unique,
       x.indisprimary AS is_primary,
       k.conname IS NOT NULL AS is_constraint,
       x.indisexclusion AS is_exclusion,
       x.indisvalid AND x.indisready AND x.indislive AS valid,
       x.indisreplident AS is_replica_identity,
       x.indisclustered AS is_clustered,
       coalesce(k.condeferrable, false) AS is_deferrable,
       x.indexprs IS NULL AND x.indpred IS NULL AS is_plain,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_not_distinct,
       -- Another collation or operator class may take for different what the columns themselves take for equal.
       NOT EXISTS (SELECT FROM unnest(x.indkey::smallint[], x.indcollation::oid[], x.indclass::oid[]) AS p (attnum, collated, opclass)
                     JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
                     JOIN pg_opclass AS o ON o.oid = p.opclass
                    WHERE p.collated <> a.attcollation OR NOT o.opcdefault) AS compares_as_columns,
       (SELECT array_agg(a.attname::text ORDER BY p.n)
          FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS p (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
         WHERE p.n <= x.indnkeyatts) AS columns,
       substr(pg_get_indexdef(i.oid), 1 + length(head.text)) AS tail,
       starts_with(pg_get_indexdef(i.oid), head.text) AS understood,
       s.spcname::text AS tablespace,
       obj_description(i.oid, 'pg_class') AS comment,
       pg_relation_size(i.oid) AS bytes
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid
  JOIN pg_class AS c ON c.oid = x.indrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_tablespace AS s ON s.oid = i.reltablespace
  LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')
 CROSS JOIN LATERAL format('CREATE %sINDEX %I ON %s%I.%I USING ', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
                           i.relname, CASE c.relkind WHEN 'p' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname) AS head (text)
 WHERE x.indrelid = $1::bigint::oid
 ORDER BY x.indisprimary DESC, i.relname
