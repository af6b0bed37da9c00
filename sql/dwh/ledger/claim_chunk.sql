-- Claims the next chunk of a backfill, unless as many are claimed as may be, or all that are left wait for another try. To be asked
-- under lock_backfill. Told with it: what the chunk that counts for its window until now has brought.
-- $1 backfill, $2 run of the worker
-- Locks: ROW EXCLUSIVE on dwh.chunks.
WITH claimed AS (
  UPDATE dwh.chunks AS c
     SET worker = $2::bigint, claimed_at = clock_timestamp(), attempts = c.attempts + 1, progress = NULL, progressed_at = NULL
    FROM (SELECT n.chunk
            FROM dwh.chunks AS n
            JOIN dwh.backfills AS b USING (backfill)
           WHERE n.backfill = $1::bigint AND n.ended_at IS NULL AND n.worker IS NULL
             AND (n.retry_at IS NULL OR n.retry_at <= clock_timestamp())
             AND b.wanted = 'run'
             -- Of the datasets that it reads, the same days come first; where they have not come it is no use: see fail_dependents.
             AND NOT EXISTS (SELECT FROM dwh.chunks AS f
                              WHERE f.backfill = $1::bigint
                                AND (f.ended_at IS NULL
                                     OR f.outcome IN ('failed', 'quarantined', 'cancelled')
                                        AND NOT EXISTS (SELECT FROM dwh.chunks AS l
                                                         WHERE l.warehouse = f.warehouse AND l.dataset = f.dataset
                                                           AND l.source = f.source AND l.parameters = f.parameters
                                                           AND coalesce(l.window_from, '-infinity') = coalesce(f.window_from, '-infinity')
                                                           AND coalesce(l.window_to, 'infinity') = coalesce(f.window_to, 'infinity')
                                                           AND l.outcome IN ('done', 'flagged') AND l.undone_at IS NULL
                                                           AND l.ended_at > f.ended_at))
                                AND b.settings->'after'->n.dataset ? f.dataset
                                AND coalesce(f.window_from, '-infinity') < coalesce(n.window_to, 'infinity')
                                AND coalesce(f.window_to, 'infinity') > coalesce(n.window_from, '-infinity'))
             AND b.parallel > (SELECT count(*) FROM dwh.chunks AS r
                                WHERE r.backfill = $1::bigint AND r.ended_at IS NULL AND r.worker IS NOT NULL)
           ORDER BY n.place
             FOR UPDATE OF n SKIP LOCKED
           LIMIT 1) AS next
   WHERE c.chunk = next.chunk
  RETURNING c.*)
SELECT c.chunk, c.backfill, c.place, c.dataset, c.source, c.window_from::text AS window_from, c.window_to::text AS window_to,
       c.zone, c.parameters, c.code, c.attempts, c.attempts - c.tries_before AS tries,
       -- Rows that other settings have made are read once more, all of them.
       CASE WHEN p.code = c.code THEN p.watermark END AS watermark,
       (p.figures->>'inserted')::bigint + (p.figures->>'updated')::bigint + (p.figures->>'unchanged')::bigint
         + (p.figures->>'moved')::bigint AS former_rows
  FROM claimed AS c
  LEFT JOIN dwh.chunks AS p
         ON p.warehouse = c.warehouse AND p.dataset = c.dataset AND p.source = c.source
        AND coalesce(p.window_from, '-infinity') = coalesce(c.window_from, '-infinity')
        AND coalesce(p.window_to, 'infinity') = coalesce(c.window_to, 'infinity')
        AND p.parameters = c.parameters
        AND p.outcome IN ('done', 'flagged') AND p.superseded_by IS NULL AND p.undone_at IS NULL
