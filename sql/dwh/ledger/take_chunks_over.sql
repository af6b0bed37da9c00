-- Chunks that nobody works on give way to those of a new plan, in the transaction that writes it.
-- $1 chunks, $2 backfill that takes them over
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks
   SET ended_at = clock_timestamp(), outcome = 'cancelled', retry_at = NULL,
       error = coalesce(error || '; ', '') || 'taken over by run ' || $2::bigint
 WHERE chunk = ANY ($1::bigint[]) AND ended_at IS NULL AND worker IS NULL
RETURNING chunk
