-- How many rows some tables have, leaf by leaf, without reading them: what the statistics collector counts since the last
-- ANALYZE, or the last ANALYZE itself where it has forgotten (after a crash it begins anew).
-- $1 schemas, $2 names
-- Locks: none.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       ln.nspname::text AS leaf_schema,
       l.relname::text AS leaf_name,
       l.oid::bigint AS leaf,
       CASE WHEN i.inhrelid IS NOT NULL THEN pg_get_expr(l.relpartbound, l.oid) END AS bound,
       CASE WHEN pg_stat_get_tuples_inserted(l.oid) + pg_stat_get_tuples_deleted(l.oid) + pg_stat_get_live_tuples(l.oid) > 0
            THEN pg_stat_get_live_tuples(l.oid)
            ELSE greatest(l.reltuples, 0)::bigint END AS rows,
       ARRAY(SELECT format_type(a.atttypid, NULL)
               FROM unnest(p.partattrs::smallint[]) WITH ORDINALITY AS k (attnum, n)
               JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
              ORDER BY k.n) AS key_types
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_namespace AS n ON n.nspname = wanted.schema
  JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
  LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
  LEFT JOIN pg_inherits AS i ON i.inhparent = c.oid AND c.relkind = 'p'
  JOIN pg_class AS l ON l.oid = coalesce(i.inhrelid, c.oid) AND l.relkind IN ('r', 'p')
  JOIN pg_namespace AS ln ON ln.oid = l.relnamespace
