-- Workers that have chunks claimed and whose lease is free: given back, expired, or the connection that renews it is gone.
-- $1 backfill, NULL for all, $2 run that asks, NULL for none
-- Locks: ACCESS SHARE on the ledger.
SELECT DISTINCT c.worker
  FROM dwh.chunks AS c
 WHERE c.ended_at IS NULL AND c.worker IS NOT NULL AND c.backfill = coalesce($1::bigint, c.backfill)
   AND c.worker IS DISTINCT FROM $2::bigint
   AND NOT EXISTS (SELECT
                     FROM dwh.leases AS l
                     JOIN pg_stat_activity AS a
                       ON a.pid = l.backend_pids[1] AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]
                    WHERE l.work = 'backfill worker ' || c.worker AND l.expires_at > clock_timestamp())
