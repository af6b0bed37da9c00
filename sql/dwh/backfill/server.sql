-- What a plan asks of the server: its clock, how many connections it has left, and what would make long work go wrong.
-- Locks: none.
SELECT clock_timestamp() AS now,
       pg_is_in_recovery() AS in_recovery,
       -- What the session began with: a plan is made over one that cannot write.
       (SELECT reset_val::boolean FROM pg_settings WHERE name = 'default_transaction_read_only') AS read_only,
       current_setting('max_connections')::integer
         - current_setting('superuser_reserved_connections')::integer
         - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::integer AS connections_left,
       current_setting('max_connections')::integer AS max_connections,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS local,
       current_setting('autovacuum')::boolean AS autovacuum,
       (SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8
          FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()) AS oldest_transaction,
       (SELECT count(*)::integer FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') AS waiting,
       (SELECT max(age(datfrozenxid)) FROM pg_database)::bigint AS oldest_xid
