-- Ends the chunks of a backfill that nobody has claimed.
-- $1 backfill
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks
   SET ended_at = clock_timestamp(), outcome = 'cancelled', retry_at = NULL
 WHERE backfill = $1::bigint AND ended_at IS NULL AND worker IS NULL
RETURNING chunk
