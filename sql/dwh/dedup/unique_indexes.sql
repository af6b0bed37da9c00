-- The unique indexes of some tables that rest on columns alone.
-- $1 oids of the tables
-- Locks: none.
SELECT x.indrelid::bigint AS table,
       n.nspname::text AS schema,
       i.relname::text AS name,
       x.indisvalid AND x.indisready AND x.indislive AS valid,
       k.conname IS NOT NULL AS is_constraint,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false)
       OR NOT EXISTS (SELECT FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS p (attnum, n)
                        JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
                       WHERE p.n <= x.indnkeyatts AND NOT a.attnotnull) AS no_two_nulls,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
       -- A constraint needs the usual order, and an index that is to be attached to it nothing more either.
       x.indnkeyatts = x.indnatts AND 0 = ALL (x.indoption::smallint[]) AS is_usual,
       EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.oid) AS is_attached,
       (SELECT array_agg(a.attname::text ORDER BY p.n)
          FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS p (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
         WHERE p.n <= x.indnkeyatts) AS columns
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid
  JOIN pg_namespace AS n ON n.oid = i.relnamespace
  LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u')
 WHERE x.indrelid = ANY ($1::bigint[]::oid[]) AND x.indisunique AND x.indimmediate
   AND x.indexprs IS NULL AND x.indpred IS NULL
   -- Another collation or operator class may take for different what the columns themselves take for equal.
   AND NOT EXISTS (SELECT FROM unnest(x.indkey::smallint[], x.indcollation::oid[], x.indclass::oid[]) AS p (attnum, collated, opclass)
                     JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = p.attnum
                     JOIN pg_opclass AS o ON o.oid = p.opclass
                    WHERE p.collated <> a.attcollation OR NOT o.opcdefault)
 ORDER BY x.indrelid, i.relname
