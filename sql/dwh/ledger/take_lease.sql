-- Takes a lease that lock_lease found free: the epoch grows, the former holder is history.
-- $1 work, $2 run, $3 holder, $4 seconds to live
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases AS l
   SET epoch = l.epoch + 1,
       run = $2::bigint,
       holder = $3::text,
       backend_pids = ARRAY[a.pid],
       backend_starts = ARRAY[a.backend_start],
       expires_at = clock_timestamp() + make_interval(secs => $4::float8)
  FROM pg_stat_activity AS a
 WHERE l.work = $1::text AND a.pid = pg_backend_pid()
RETURNING l.epoch
