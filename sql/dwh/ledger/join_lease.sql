-- Adds the backend that executes this to those that work under a lease.
-- $1 work, $2 epoch
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases AS l
   SET backend_pids = l.backend_pids || a.pid,
       backend_starts = l.backend_starts || a.backend_start
  FROM pg_stat_activity AS a
 WHERE l.work = $1::text AND l.epoch = $2::bigint AND l.expires_at IS NOT NULL AND a.pid = pg_backend_pid()
RETURNING l.epoch
