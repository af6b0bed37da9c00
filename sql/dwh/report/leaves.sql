-- The leaves of some tables, or the tables themselves, with what they take and what is known of their rows.
-- $1 schemas, $2 names of the tables
-- Locks: ACCESS SHARE on the tables.
SELECT wanted.place::integer AS place,
       c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.oid <> t.oid AS is_leaf,
       nullif(c.reltuples, -1)::bigint AS rows,
       pg_relation_size(c.oid) AS heap_bytes,
       pg_indexes_size(c.oid) AS index_bytes,
       coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0)::bigint AS toast_bytes,
       coalesce(s.n_dead_tup, 0) AS dead_rows,
       coalesce(s.n_dead_tup::float8 / nullif(s.n_dead_tup + s.n_live_tup, 0), 0) AS dead_share,
       (SELECT string_agg(DISTINCT CASE a.attcompression WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' ELSE 'default' END, ' ')
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'm')) AS compression,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema, name, place)
  JOIN pg_namespace AS home ON home.nspname = wanted.schema
  JOIN pg_class AS t ON t.relnamespace = home.oid AND t.relname = wanted.name AND t.relkind IN ('r', 'p', 'm')
 CROSS JOIN LATERAL (SELECT t.oid WHERE t.relkind <> 'p'
                     UNION ALL
                     SELECT i.inhrelid FROM pg_inherits AS i WHERE t.relkind = 'p' AND i.inhparent = t.oid) AS leaf (oid)
  JOIN pg_class AS c ON c.oid = leaf.oid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
 ORDER BY wanted.place, c.relname
