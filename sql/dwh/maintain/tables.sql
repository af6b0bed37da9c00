-- The tables of datasets with their leaves, and what the server knows of their care.
-- $1 schemas, $2 names
-- Locks: none.
WITH RECURSIVE roots AS (
  SELECT c.oid, (w.n)::integer AS n
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, n)
    JOIN pg_namespace AS s ON s.nspname = w.schema
    JOIN pg_class AS c ON c.relnamespace = s.oid AND c.relname = w.name
), members AS (
  SELECT n, oid, NULL::oid AS parent FROM roots
  UNION ALL
  -- Partitions of partitions too.
  SELECT m.n, i.inhrelid, i.inhparent FROM members AS m JOIN pg_inherits AS i ON i.inhparent = m.oid AND NOT i.inhdetachpending
)
SELECT m.n,
       c.oid::bigint AS oid,
       s.nspname::text AS schema,
       c.relname::text AS name,
       m.parent::bigint AS parent,
       c.relkind = 'p' AS is_parent,
       c.relfilenode::bigint AS file,
       c.relpages::bigint AS pages,
       c.relallvisible::bigint AS all_visible,
       greatest(c.reltuples, 0)::bigint AS row_count,
       CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_relation_size(c.oid) END AS row_bytes,
       CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_table_size(c.oid) - coalesce(pg_total_relation_size(t.oid), 0) END AS heap_bytes,
       coalesce(pg_total_relation_size(t.oid), 0)::bigint AS toast_bytes,
       CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_indexes_size(c.oid) END AS index_bytes,
       coalesce(u.n_dead_tup, 0) + coalesce(ut.n_dead_tup, 0) AS dead_rows,
       coalesce(u.n_mod_since_analyze, 0) AS modified,
       coalesce(u.n_ins_since_vacuum, 0) AS inserted,
       coalesce(u.n_tup_ins + u.n_tup_upd + u.n_tup_del, 0) AS writes,
       coalesce(u.n_tup_ins - u.n_tup_del, 0) AS growth,
       -- Of others VACUUM and ANALYZE only say that they skip them, and call that success.
       pg_has_role(c.relowner, 'USAGE')
         OR pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
         OR CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END AS may_maintain,
       greatest(u.last_vacuum, u.last_autovacuum) AS vacuumed_at,
       greatest(u.last_analyze, u.last_autoanalyze) AS analyzed_at
  FROM members AS m
  JOIN pg_class AS c ON c.oid = m.oid
  JOIN pg_namespace AS s ON s.oid = c.relnamespace
  LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
  LEFT JOIN pg_stat_all_tables AS u ON u.relid = c.oid
  LEFT JOIN pg_stat_all_tables AS ut ON ut.relid = t.oid
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence IN ('p', 'u')
 ORDER BY m.n, c.relkind = 'p' DESC, c.relname
