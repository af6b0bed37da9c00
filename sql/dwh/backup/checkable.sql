-- What amcheck can look at: tables and their btree indexes, but those of the system.
-- Locks: none.
SELECT c.oid::bigint AS oid, c.oid::regclass::text AS name, c.relkind::text AS kind
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_index AS x ON x.indexrelid = c.oid
  LEFT JOIN pg_am AS a ON a.oid = c.relam
 WHERE c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND (c.relkind IN ('r', 'm') AND a.amname = 'heap'
        OR c.relkind = 'i' AND a.amname = 'btree' AND x.indisvalid AND x.indisready)
 ORDER BY pg_relation_size(c.oid) DESC
