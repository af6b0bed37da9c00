-- What has become of the windows of some datasets: the row that counts, those that are open, and of every window the last end.
-- Rows that gave way to later ones are left out. Whether somebody works on an open one is told by the leases of its worker and
-- of the run that planned it.
-- $1 warehouse, $2 datasets, $3 first day, $4 day after the last; with NULL for both only what has no window
-- Locks: ACCESS SHARE on the ledger.
SELECT c.chunk, c.backfill, c.dataset, c.source, c.window_from::text AS window_from, c.window_to::text AS window_to, c.parameters,
       c.code, c.outcome, c.ended_at, c.undone_at IS NOT NULL AS undone, c.error_code, c.error, c.fingerprint, c.watermark,
       coalesce((c.figures->>'absent')::boolean, false) AS absent,
       coalesce((c.figures->>'inserted')::bigint + (c.figures->>'updated')::bigint + (c.figures->>'unchanged')::bigint
                + (c.figures->>'moved')::bigint, 0) AS rows,
       coalesce((c.figures->>'seconds')::float8, 0) AS seconds,
       b.wanted,
       c.ended_at IS NULL
         AND EXISTS (SELECT
                       FROM dwh.leases AS l
                       JOIN pg_stat_activity AS a
                         ON a.pid = l.backend_pids[1] AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]
                      WHERE l.work IN ('backfill worker ' || c.backfill, 'backfill worker ' || c.worker)
                        AND l.expires_at > clock_timestamp()) AS at_work
  FROM dwh.chunks AS c
  JOIN dwh.backfills AS b USING (backfill)
 WHERE c.warehouse = $1::text AND c.dataset = ANY ($2::text[]) AND c.superseded_by IS NULL
   AND (c.window_from IS NULL OR (c.window_from < $4::date AND c.window_to > $3::date))
 ORDER BY c.chunk
