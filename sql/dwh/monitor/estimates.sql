-- How many rows some tables have, leaf by leaf, without reading them, as the planner guesses it: as many a page as the last
-- ANALYZE found. Only where there was none are they what was counted: those counts come late, and twice where a table is
-- analyzed right after it was filled.
-- Given its table, pg_get_expr would lock it, and wait for whoever does; a bound has no columns to be named after it.
-- $1 schemas, $2 names, $3 whether the sizes of files are asked for; without, the last ANALYZE is all that is known
-- Locks: ACCESS SHARE on each leaf while its file is looked at; none without sizes.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       ln.nspname::text AS leaf_schema,
       l.relname::text AS leaf_name,
       l.oid::bigint AS leaf,
       CASE WHEN i.inhrelid IS NOT NULL THEN pg_get_expr(l.relpartbound, 0) END AS bound,
       CASE WHEN l.reltuples >= 0 AND NOT $3::boolean
            THEN l.reltuples::bigint
            WHEN l.reltuples >= 0 AND l.relpages > 0
            THEN (l.reltuples / l.relpages * (pg_relation_size(l.oid) / current_setting('block_size')::integer))::bigint
            ELSE pg_stat_get_live_tuples(l.oid) END AS rows,
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
