-- What the server is and may hold: facts for the questions of dwh doctor.
-- Locks: none.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer AS version_number,
       pg_encoding_to_char(d.encoding) AS encoding,
       current_setting('TimeZone') AS session_time_zone,
       pg_is_in_recovery() AS in_recovery,
       current_setting('max_prepared_transactions')::integer AS max_prepared_transactions,
       (SELECT count(*) FROM pg_prepared_xacts) AS prepared,
       (SELECT string_agg(format('%L', gid), ', ' ORDER BY prepared) FROM pg_prepared_xacts) AS prepared_names,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
       pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
       current_user::text AS role,
       current_database()::text AS database,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS local
  FROM pg_database AS d
 WHERE d.datname = current_database()
