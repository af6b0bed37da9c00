-- A plain table as a whole: what its partitioned successor takes over.
-- $1 oid
-- Locks: none.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       pg_get_userbyid(c.relowner)::text AS owner,
       obj_description(c.oid, 'pg_class') AS comment,
       t.spcname::text AS tablespace,
       c.relpages::bigint AS pages,
       CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS estimated_rows,
       pg_total_relation_size(c.oid) AS total_bytes,
       pg_relation_size(c.oid) AS heap_bytes,
       pg_indexes_size(c.oid) AS index_bytes,
       coalesce(c.reloptions, '{}') AS storage,
       current_setting('block_size')::integer AS block_bytes,
       pg_has_role(c.relowner, 'USAGE') AS is_owner
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
 WHERE c.oid = $1::bigint::oid
