-- The server and this database, in a few figures.
-- Locks: none.
SELECT current_setting('server_version') AS version,
       pg_database_size(current_database()) AS bytes,
       (d.blks_hit::float8 / nullif(d.blks_hit + d.blks_read, 0)) AS cache_hit,
       (SELECT max(age(c.relfrozenxid)) FROM pg_class AS c WHERE c.relkind IN ('r', 'm', 't')) AS oldest_transaction,
       current_setting('autovacuum_freeze_max_age')::bigint AS freeze_age,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS uptime,
       d.deadlocks,
       d.temp_bytes,
       clock_timestamp() AS now
  FROM pg_stat_database AS d
 WHERE d.datname = current_database()
