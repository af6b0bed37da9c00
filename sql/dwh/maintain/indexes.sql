-- The indexes of some tables, with what tells whether they should be built anew.
-- $1 oids of tables
-- Locks: ACCESS SHARE on the indexes.
WITH widths AS MATERIALIZED (
  SELECT a.attrelid, a.attnum, s.avg_width
    FROM pg_class AS t
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = t.relname AND NOT s.inherited
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = s.attname
   WHERE t.oid = ANY ($1::bigint[]::oid[])
), keys AS MATERIALIZED (
  -- Unknown: a column whose statistics are missing, or an expression.
  SELECT x.indexrelid, coalesce(sum(w.avg_width), 0) AS width, bool_and(w.attnum IS NOT NULL) AS is_known
    FROM pg_index AS x
   CROSS JOIN LATERAL unnest(x.indkey::smallint[]) AS k (attnum)
    LEFT JOIN widths AS w ON w.attrelid = x.indrelid AND w.attnum = k.attnum
   WHERE x.indrelid = ANY ($1::bigint[]::oid[])
   GROUP BY x.indexrelid
)
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
       ceil(greatest(i.reltuples, 0) * (12 + 8 * ceil(k.width / 8.0)) / 0.9)::float8 AS expected_bytes,
       k.is_known AND i.reltuples > 0 AS is_known
  FROM pg_index AS x
  JOIN keys AS k ON k.indexrelid = x.indexrelid
  JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
  JOIN pg_namespace AS n ON n.oid = i.relnamespace
  JOIN pg_am AS m ON m.oid = i.relam
 WHERE x.indrelid = ANY ($1::bigint[]::oid[])
 ORDER BY i.relname
