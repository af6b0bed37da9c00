-- Backfills, newest first, with their chunks counted by state.
-- $1 how many at the most, $2 warehouse or NULL, $3 backfill or NULL, $4 only those with open chunks
-- Locks: ACCESS SHARE on the ledger.
SELECT b.backfill, b.warehouse, b.wanted, b.wanted_at, b.parallel, b.settings, b.created_at,
       c.datasets, c.chunks, c.planned, c.waiting, c.running, c.died, c.done, c.flagged, c.quarantined, c.failed, c.cancelled,
       c.superseded, c.undone, c.rows, c.window_from::text AS window_from, c.window_to::text AS window_to, c.ended_at,
       EXISTS (SELECT
                 FROM dwh.leases AS l
                 JOIN pg_stat_activity AS a
                   ON a.pid = l.backend_pids[1] AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]
                WHERE l.work = ANY ('backfill worker ' || b.backfill || c.workers) AND l.expires_at > clock_timestamp()) AS at_work
  FROM dwh.backfills AS b
 CROSS JOIN LATERAL (
         SELECT array_agg(DISTINCT s.dataset) AS datasets,
                count(*) AS chunks,
                count(*) FILTER (WHERE s.state = 'planned') AS planned,
                count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
                count(*) FILTER (WHERE s.state = 'running') AS running,
                count(*) FILTER (WHERE s.state = 'died') AS died,
                count(*) FILTER (WHERE s.outcome = 'done') AS done,
                count(*) FILTER (WHERE s.outcome = 'flagged') AS flagged,
                count(*) FILTER (WHERE s.outcome = 'quarantined') AS quarantined,
                count(*) FILTER (WHERE s.outcome = 'failed') AS failed,
                count(*) FILTER (WHERE s.outcome = 'cancelled') AS cancelled,
                count(*) FILTER (WHERE s.state = 'superseded') AS superseded,
                count(*) FILTER (WHERE s.state = 'undone') AS undone,
                coalesce(sum((s.figures->>'inserted')::bigint + (s.figures->>'updated')::bigint + (s.figures->>'unchanged')::bigint
                             + (s.figures->>'moved')::bigint), 0)::bigint AS rows,
                min(s.window_from) AS window_from,
                max(s.window_to) AS window_to,
                CASE WHEN bool_and(s.ended_at IS NOT NULL) THEN max(s.ended_at) END AS ended_at,
                coalesce(array_agg(DISTINCT 'backfill worker ' || s.worker) FILTER (WHERE s.worker IS NOT NULL), '{}') AS workers
           FROM dwh.chunk_states AS s
          WHERE s.backfill = b.backfill) AS c
 WHERE b.warehouse = coalesce($2::text, b.warehouse) AND b.backfill = coalesce($3::bigint, b.backfill)
   AND (NOT $4::boolean OR EXISTS (SELECT FROM dwh.chunks AS o WHERE o.backfill = b.backfill AND o.ended_at IS NULL))
 ORDER BY b.backfill DESC
 LIMIT $1::bigint
