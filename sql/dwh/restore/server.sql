-- What a server is and what we may do there, for the plan of a restore.
-- Locks: none.
SELECT r.rolsuper AS is_superuser,
       r.rolsuper OR r.rolcreatedb AS may_create,
       r.rolsuper OR pg_has_role('pg_signal_backend', 'MEMBER') AS may_end_sessions,
       CASE WHEN r.rolsuper OR pg_has_role('pg_read_all_settings', 'MEMBER') THEN current_setting('data_directory') END AS data_folder,
       inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() AS is_here,
       pg_is_in_recovery() AS is_standby
  FROM pg_roles AS r
 WHERE r.rolname = current_user
