-- A lease with what is needed to judge it. Its row is not locked: a client that stands still between its check and its
-- commit holds it, and has to be ended first.
-- The first backend is the one that renews: it is always idle, so it ends at once when its client is killed, while a
-- backend in a long statement would not notice.
-- $1 work
-- Locks: ACCESS SHARE on dwh.leases.
SELECT l.epoch,
       l.run,
       l.holder,
       l.backend_pids,
       l.backend_starts::text[] AS backend_starts,
       l.expires_at IS NULL AS given_back,
       l.expires_at < clock_timestamp() AS expired,
       EXISTS (SELECT
                 FROM pg_stat_activity AS a
                WHERE a.pid = l.backend_pids[1]
                  AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]) AS alive,
       extract(epoch FROM l.expires_at - clock_timestamp())::float8 AS seconds_left
  FROM dwh.leases AS l
 WHERE l.work = $1::text
