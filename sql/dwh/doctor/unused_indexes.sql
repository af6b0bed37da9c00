-- Indexes that no query has used since the statistics began, on this server; a parent's count with its leaves.
-- $1 bytes: smaller ones are left out
-- Locks: ACCESS SHARE on the indexes.
SELECT n.nspname::text AS schema,
       i.relname::text AS name,
       t.relname::text AS table_name,
       i.relkind = 'I' AS is_parent,
       tree.bytes
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid
  JOIN pg_class AS t ON t.oid = x.indrelid
  JOIN pg_namespace AS n ON n.oid = i.relnamespace
  JOIN LATERAL (SELECT coalesce(sum(s.idx_scan), 0) AS scans, sum(pg_relation_size(m.oid))::bigint AS bytes
                  FROM (SELECT i.oid UNION ALL SELECT h.inhrelid FROM pg_inherits AS h WHERE h.inhparent = i.oid) AS m (oid)
                  LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = m.oid) AS tree ON true
 WHERE tree.scans = 0
   AND tree.bytes >= $1::bigint
   AND x.indisvalid AND NOT x.indisunique AND NOT x.indisreplident AND NOT x.indisexclusion
   AND n.nspname !~ '^pg_'
   AND n.nspname <> 'dwh'
   AND t.relname NOT LIKE '%\_before\_setup'
   AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.oid)
 ORDER BY tree.bytes DESC
