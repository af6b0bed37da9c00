-- Lets the chunks of a worker go whose lease is ours. Those of a backfill that was cancelled are over.
-- $1 worker
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks AS c
   SET worker = NULL, claimed_at = NULL,
       ended_at = CASE b.wanted WHEN 'cancel' THEN clock_timestamp() END,
       outcome = CASE b.wanted WHEN 'cancel' THEN 'cancelled' END
  FROM dwh.backfills AS b
 WHERE b.backfill = c.backfill AND c.worker = $1::bigint AND c.ended_at IS NULL
RETURNING c.chunk
