-- How autovacuum looks after the tables of this database: only those that something is the matter with.
-- $1 dead rows, and $2 their part of all rows, from which on there are too many
-- Locks: ACCESS SHARE on the tables.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       care.disabled,
       care.toast_disabled,
       care.unanalyzed,
       care.dead_rows,
       care.dead_share
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_class AS toast ON toast.oid = c.reltoastrelid
  LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
  LEFT JOIN (SELECT schemaname, tablename, inherited FROM pg_stats GROUP BY 1, 2, 3) AS known
         ON known.schemaname = n.nspname AND known.tablename = c.relname AND known.inherited = (c.relkind = 'p')
 CROSS JOIN LATERAL (
         SELECT EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean)
                  AS disabled,
                EXISTS (SELECT FROM pg_options_to_table(toast.reloptions) WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean)
                  AS toast_disabled,
                -- Who may not read a table sees none of its statistics.
                known.tablename IS NULL AND has_table_privilege(c.oid, 'SELECT')
                  AND CASE c.relkind
                        WHEN 'p' THEN EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhparent = c.oid AND pg_relation_size(h.inhrelid) > 0)
                        ELSE pg_relation_size(c.oid) > 0
                      END AS unanalyzed,
                coalesce(s.n_dead_tup, 0) AS dead_rows,
                (coalesce(s.n_dead_tup, 0)::float8 / greatest(s.n_dead_tup + s.n_live_tup, 1)) AS dead_share) AS care
 WHERE c.relkind IN ('r', 'm', 'p')
   AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_'
   AND n.nspname NOT IN ('information_schema', 'dwh')
   -- Kept for undo by a conversion.
   AND c.relname NOT LIKE '%\_before\_setup'
   AND (care.disabled OR care.toast_disabled OR care.unanalyzed
        OR (care.dead_rows >= $1::bigint AND care.dead_share >= $2::float8))
 ORDER BY n.nspname, c.relname
