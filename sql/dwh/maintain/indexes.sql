-- The indexes of some tables, with what tells whether they should be built anew.
-- $1 oids of tables
-- Locks: ACCESS SHARE on the indexes.
SELECT i.oid::bigint AS oid,
       n.nspname::text AS schema,
       i.relname::text AS name,
       x.indrelid::bigint AS table_oid,
       i.relfilenode::bigint AS file,
       x.indisvalid AND x.indisready AND x.indislive AS is_valid,
       i.relname ~ '_cc(new|old)[0-9]*$' AND NOT (x.indisvalid AND x.indisready AND x.indislive) AS is_remnant,
       x.indisexclusion AS is_exclusion,
       m.amname = 'btree' AS is_btree,
       pg_relation_size(i.oid) AS bytes,
       EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.oid OR p.relid = x.indrelid) AS is_being_built,
       -- 8 bytes of a tuple's head, 4 of its pointer, its columns in steps of 8, of pages that are filled to nine tenths.
       -- Many equal values take less: an estimate of more than there is counts as none.
       ceil(greatest(i.reltuples, 0) * (12 + 8 * ceil(coalesce((SELECT sum(s.avg_width)
                                                                  FROM pg_attribute AS a
                                                                  JOIN pg_class AS t ON t.oid = x.indrelid
                                                                  JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
                                                                  JOIN pg_stats AS s ON s.schemaname = tn.nspname AND s.tablename = t.relname
                                                                                    AND s.attname = a.attname AND NOT s.inherited
                                                                 WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey::smallint[])), 0) / 8.0))
            / 0.9)::float8 AS expected_bytes,
       -- Unknown: a column whose statistics are missing, or an expression.
       (SELECT count(*)
          FROM unnest(x.indkey::smallint[]) AS k (attnum)
          LEFT JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum AND k.attnum > 0
          LEFT JOIN pg_class AS t ON t.oid = x.indrelid
          LEFT JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
          LEFT JOIN pg_stats AS s ON s.schemaname = tn.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
         WHERE s.attname IS NULL) = 0 AND i.reltuples > 0 AS is_known
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
  JOIN pg_class AS c ON c.oid = x.indrelid
  JOIN pg_namespace AS n ON n.oid = i.relnamespace
  JOIN pg_am AS m ON m.oid = i.relam
 WHERE x.indrelid = ANY ($1::bigint[]::oid[])
 ORDER BY i.relname
