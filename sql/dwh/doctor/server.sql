-- What the server is and may hold: facts for the questions of dwh doctor.
-- Locks: none.
SELECT current_setting('server_version') AS version,
       pg_encoding_to_char(d.encoding) AS encoding,
       pg_is_in_recovery() AS in_recovery,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
       pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
       current_setting('max_parallel_workers')::integer AS max_parallel_workers,
       current_setting('max_worker_processes')::integer AS max_worker_processes,
       current_setting('max_connections')::integer AS max_connections,
       current_setting('max_prepared_transactions')::integer AS max_prepared_transactions,
       current_setting('max_locks_per_transaction')::integer AS max_locks_per_transaction,
       current_setting('autovacuum')::boolean AS autovacuum,
       current_setting('track_counts')::boolean AS track_counts,
       current_user::text AS role,
       current_database()::text AS database,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       pg_has_role('pg_read_all_stats', 'USAGE') AS may_see_sessions,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS local
  FROM pg_database AS d
 WHERE d.datname = current_database()
