-- Where the server and its data are, and how it archives its WAL. What the role may not see is NULL.
-- $1 the name of an operating system's user
-- Locks: none.
SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
       (SELECT setting FROM pg_settings WHERE name = 'unix_socket_directories') AS socket_directories,
       current_setting('port')::integer AS port,
       extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
       pg_is_in_recovery() AS in_recovery,
       current_setting('wal_level') AS wal_level,
       current_setting('archive_mode') AS archive_mode,
       current_setting('archive_command') AS archive_command,
       coalesce(current_setting('archive_library', true), '') AS archive_library,
       EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text AND rolcanlogin) AS has_role,
       current_user::text AS role,
       (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE has_database_privilege(oid, 'CONNECT'))::bigint AS bytes
