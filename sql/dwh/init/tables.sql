-- The tables of this database that people made, with what can be told without reading a row, the largest first.
-- Rows are an estimate for the size of today; NULL where the table was never vacuumed or analyzed.
-- Locks: ACCESS SHARE on the tables.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       c.relpersistence = 'u' AS is_unlogged,
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS is_inherited,
       pg_has_role(c.relowner, 'USAGE') AS is_owner,
       pg_get_userbyid(c.relowner)::text AS owner,
       has_table_privilege(c.oid, 'SELECT') AS may_read,
       pg_get_partkeydef(c.oid) AS partition_key,
       CASE WHEN c.reltuples >= 0 AND c.relpages > 0
            THEN (c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::integer))::bigint END AS rows,
       CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) ELSE 0 END AS heap_bytes,
       CASE WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint FROM pg_inherits AS i WHERE i.inhparent = c.oid)
            WHEN c.relkind = 'r' THEN pg_total_relation_size(c.oid) ELSE 0 END AS bytes,
       obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f')
   AND c.relpersistence <> 't'
   AND NOT c.relispartition
   -- What loads and backfills keep beside a table, until they are done or undone.
   AND c.relname !~ '^dwh_(chunk|load)_[0-9]+($|_)'
   AND n.nspname !~ '^pg_'
   AND n.nspname NOT IN ('information_schema', 'dwh')
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY bytes DESC, n.nspname, c.relname
