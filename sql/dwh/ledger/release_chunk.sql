-- Lets a chunk go that a worker was told to stop with: that was no try.
-- $1 chunk, $2 worker, $3 attempt
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks AS c
   SET worker = NULL, claimed_at = NULL, attempts = c.attempts - 1,
       ended_at = CASE b.wanted WHEN 'cancel' THEN clock_timestamp() END,
       outcome = CASE b.wanted WHEN 'cancel' THEN 'cancelled' END
  FROM dwh.backfills AS b
 WHERE b.backfill = c.backfill AND c.chunk = $1::bigint AND c.worker = $2::bigint AND c.attempts = $3::integer AND c.ended_at IS NULL
RETURNING c.chunk
