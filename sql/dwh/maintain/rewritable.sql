-- What decides how tables can be rewritten.
-- $1 oids of tables
-- Locks: none.
SELECT c.oid::bigint AS oid,
       EXISTS (SELECT FROM pg_index AS x
                WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL
                  AND NOT EXISTS (SELECT FROM pg_attribute AS a
                                   WHERE a.attrelid = c.oid AND a.attnum = ANY (x.indkey::smallint[]) AND NOT a.attnotnull)) AS has_key,
       pg_has_role(c.relowner, 'USAGE') AS is_owner,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
       nullif(pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), (SELECT dattablespace FROM pg_database WHERE datname = current_database()))), '') AS location,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS is_local
  FROM pg_class AS c
 WHERE c.oid = ANY ($1::bigint[]::oid[])
