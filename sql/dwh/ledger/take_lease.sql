-- Takes a lease that find_lease found free, unless somebody was faster or the former holder has renewed it after all. The
-- epoch grows, the former holder is history.
-- $1 work, $2 epoch that was found, $3 whether the holder was found dead, $4 run, $5 holder, $6 seconds to live
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases AS l
   SET epoch = l.epoch + 1,
       run = $4::bigint,
       holder = $5::text,
       backend_pids = ARRAY[a.pid],
       backend_starts = ARRAY[a.backend_start],
       expires_at = clock_timestamp() + make_interval(secs => $6::float8)
  FROM pg_stat_activity AS a
 WHERE l.work = $1::text AND l.epoch = $2::bigint AND a.pid = pg_backend_pid()
   AND (l.expires_at IS NULL OR l.expires_at < clock_timestamp() OR $3::boolean)
RETURNING l.epoch
