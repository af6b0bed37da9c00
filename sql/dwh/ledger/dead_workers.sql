-- Workers that have something to let go, chunks or a lease, and whose lease is free: given back, expired, or the connection that
-- renews it is gone. One that stands still as it claims has no chunk that anybody sees, and yet keeps all others from claiming.
-- $1 backfill, NULL for all, $2 run that asks, NULL for none
-- Locks: ACCESS SHARE on the ledger.
SELECT w.worker
  FROM (SELECT c.worker
          FROM dwh.chunks AS c
         WHERE c.ended_at IS NULL AND c.worker IS NOT NULL AND c.backfill = coalesce($1::bigint, c.backfill)
        UNION
        SELECT substring(h.work FROM '[0-9]+$')::bigint
          FROM dwh.leases AS h
         WHERE h.expires_at IS NOT NULL AND h.work ~ '^backfill worker [0-9]+$') AS w
 WHERE w.worker IS DISTINCT FROM $2::bigint
   AND NOT EXISTS (SELECT
                     FROM dwh.leases AS l
                     JOIN pg_stat_activity AS a
                       ON a.pid = l.backend_pids[1] AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]
                    WHERE l.work = 'backfill worker ' || w.worker AND l.expires_at > clock_timestamp())
