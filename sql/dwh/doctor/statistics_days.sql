-- For how many days the statistics of this database have been gathered at the least.
-- Locks: none.
SELECT (extract(epoch FROM clock_timestamp() - coalesce(stats_reset, pg_postmaster_start_time())) / 86400)::float8 AS days
  FROM pg_stat_database
 WHERE datname = current_database()
