-- Indexes that are not valid and that nobody is building: what an interrupted CREATE INDEX CONCURRENTLY leaves, and parents of
-- which a leaf has none.
-- Locks: ACCESS SHARE on the indexes.
SELECT i.oid::bigint AS oid,
       n.nspname::text AS schema,
       i.relname::text AS name,
       t.relname::text AS table_name,
       i.relkind = 'I' AS is_parent,
       k.contype::text AS constraint_type,
       i.relname ~ '_cc(new|old)[0-9]*$' AS is_remnant
  FROM pg_index AS x
  JOIN pg_class AS i ON i.oid = x.indexrelid
  JOIN pg_class AS t ON t.oid = x.indrelid
  JOIN pg_namespace AS n ON n.oid = i.relnamespace
  LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u')
 WHERE NOT (x.indisvalid AND x.indisready AND x.indislive)
   AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.oid OR p.relid = t.oid)
 -- A parent becomes valid with the last of its leaves, so that these come first.
 ORDER BY i.relkind = 'I', n.nspname, i.relname
