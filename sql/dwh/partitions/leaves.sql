-- The leaves of a partitioned table, with what is known of each without reading it.
-- $1 oid of the parent
-- Locks: none.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS relkind,
       pg_get_expr(c.relpartbound, c.oid) AS bound,
       i.inhdetachpending AS detach_pending,
       c.relkind = 'r' AND c.relpersistence = 'p' AS keeps_rows,
       EXISTS (SELECT FROM pg_trigger AS t
                 JOIN pg_proc AS p ON p.oid = t.tgfoid
                 JOIN pg_namespace AS home ON home.oid = p.pronamespace
                WHERE t.tgrelid = c.oid AND t.tgenabled IN ('A', 'O') AND t.tgtype & 1 = 1
                  AND home.nspname = 'dwh' AND p.proname = 'refuse_sealed') AS sealed,
       CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS rows,
       pg_total_relation_size(c.oid) AS bytes,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at,
       (SELECT count(*)
          FROM pg_index AS x
         WHERE x.indrelid = c.oid AND NOT (x.indisvalid AND x.indisready AND x.indislive)) AS invalid_indexes,
       (SELECT string_agg(DISTINCT CASE a.attcompression WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' ELSE 'default' END, ' ')
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'm')) AS compression
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
 WHERE i.inhparent = $1::bigint::oid
 ORDER BY c.relname
