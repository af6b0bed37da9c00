-- A chunk whose rows were withheld, or taken back, counts from now on, in the transaction that publishes them. One that fell
-- short of a threshold stays flagged.
-- $1 chunk, $2 load, $3 figures that are other ones now, $4 proof
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks
   SET outcome = CASE outcome WHEN 'quarantined' THEN 'flagged' ELSE outcome END, undone_at = NULL, load = $2::bigint,
       figures = figures || $3::jsonb, proof = $4::jsonb
 WHERE chunk = $1::bigint AND (outcome = 'quarantined' OR undone_at IS NOT NULL)
RETURNING chunk
