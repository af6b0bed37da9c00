-- Server settings for the sessions of pg_restore: English messages where we may say so, and as much memory for indexes as a
-- load gives them, unless the server gives more anyway.
-- Locks: none.
SELECT concat_ws(' ',
         CASE WHEN r.rolsuper THEN '-c lc_messages=C' END,
         '-c maintenance_work_mem=' || greatest(pg_size_bytes(current_setting('maintenance_work_mem')), 128 * 1024 * 1024) / 1024 || 'kB',
         '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0') AS options
  FROM pg_roles AS r
 WHERE r.rolname = current_user
