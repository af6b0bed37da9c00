-- Ends the open chunks of a backfill that read a window which has not come: a chunk of the same days and of a dataset that theirs
-- comes after, that has failed, was cancelled, or is set apart, unless a later chunk has done the same.
-- $1 backfill
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks AS c
   SET ended_at = clock_timestamp(), outcome = 'failed', retry_at = NULL, error_code = 'SOURCE_FAILED',
       error = format('its source window %s/%s%s %s', n.dataset, n.source,
                      CASE WHEN n.window_from IS NULL THEN '' ELSE ' ' || n.window_from || ' to ' || n.window_to END,
                      CASE n.outcome
                        WHEN 'quarantined' THEN format('is set apart: dwh backfill accept %s --chunk %s, and then dwh backfill retry %1$s',
                                                       n.backfill, n.chunk)
                        WHEN 'cancelled' THEN 'was cancelled'
                        ELSE 'failed'
                      END)
  FROM (SELECT o.chunk AS of, f.*,
               row_number() OVER (PARTITION BY o.chunk ORDER BY f.place) AS nth
          FROM dwh.chunks AS o
          JOIN dwh.backfills AS b USING (backfill)
          JOIN dwh.chunks AS f
            ON f.backfill = o.backfill AND b.settings->'after'->o.dataset ? f.dataset
           AND coalesce(f.window_from, '-infinity') < coalesce(o.window_to, 'infinity')
           AND coalesce(f.window_to, 'infinity') > coalesce(o.window_from, '-infinity')
         WHERE o.backfill = $1::bigint AND o.ended_at IS NULL AND o.worker IS NULL
           AND f.outcome IN ('failed', 'quarantined', 'cancelled')
           AND NOT EXISTS (SELECT FROM dwh.chunks AS l
                            WHERE l.warehouse = f.warehouse AND l.dataset = f.dataset AND l.source = f.source
                              AND l.parameters = f.parameters
                              AND coalesce(l.window_from, '-infinity') = coalesce(f.window_from, '-infinity')
                              AND coalesce(l.window_to, 'infinity') = coalesce(f.window_to, 'infinity')
                              AND l.outcome IN ('done', 'flagged') AND l.undone_at IS NULL AND l.ended_at > f.ended_at)) AS n
 WHERE n.of = c.chunk AND n.nth = 1 AND c.ended_at IS NULL AND c.worker IS NULL
RETURNING c.dataset, c.source, c.window_from::text AS window_from, c.window_to::text AS window_to, c.zone, c.parameters, c.error
