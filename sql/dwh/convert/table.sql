-- A plain table as a whole, without its rows.
-- $1 oid
-- Locks: none.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.oid::regclass::text AS printed,
       c.relreplident::text AS replica_identity,
       EXISTS (SELECT FROM pg_publication_tables AS p WHERE p.schemaname = n.nspname AND p.tablename = c.relname) AS is_published,
       pg_get_userbyid(c.relowner)::text AS owner,
       pg_has_role(c.relowner, 'USAGE') AS is_owner,
       CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS estimated_rows,
       pg_total_relation_size(c.oid) AS total_bytes,
       pg_relation_size(c.oid) AS heap_bytes,
       pg_indexes_size(c.oid) AS index_bytes,
       current_setting('block_size')::integer AS block_bytes
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.oid = $1::bigint::oid
