-- Opens chunks of a backfill once more whose outcome was one of these, unless a later backfill has done their window, or has it
-- open. Their tries are counted anew, and what turns the source into rows is as it is now.
-- $1 backfill, $2 outcomes, $3 array of {dataset, source, code}
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks AS c
   SET ended_at = NULL, outcome = NULL, tries_before = c.attempts, retry_at = NULL, progress = NULL, progressed_at = NULL, load = NULL,
       figures = NULL, gates = NULL, proof = NULL, code = w.code
  FROM jsonb_to_recordset($3::jsonb) AS w (dataset text, source text, code text)
 WHERE w.dataset = c.dataset AND w.source = c.source
   AND c.backfill = $1::bigint AND c.outcome = ANY ($2::text[])
   AND NOT EXISTS (SELECT
                     FROM dwh.chunks AS o
                    WHERE o.chunk <> c.chunk
                      AND o.warehouse = c.warehouse AND o.dataset = c.dataset AND o.source = c.source AND o.parameters = c.parameters
                      AND coalesce(o.window_from, '-infinity') = coalesce(c.window_from, '-infinity')
                      AND coalesce(o.window_to, 'infinity') = coalesce(c.window_to, 'infinity')
                      AND (o.ended_at IS NULL
                           OR (o.outcome IN ('done', 'flagged') AND o.undone_at IS NULL AND o.ended_at > c.ended_at)))
RETURNING c.chunk
