-- How the archiver of the server gets on.
-- Locks: none.
SELECT failed_count AS failures,
       last_failed_wal AS segment,
       last_failed_time AS failed_at,
       coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL) AS is_failing
  FROM pg_stat_archiver
