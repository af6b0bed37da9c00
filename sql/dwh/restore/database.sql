-- A database of this server, by its name; its size where we may ask for it.
-- $1 name
-- Locks: none.
SELECT d.oid::bigint AS oid,
       d.datname::text AS name,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
            THEN pg_database_size(d.oid) END AS bytes
  FROM pg_database AS d
 WHERE d.datname = $1::text
