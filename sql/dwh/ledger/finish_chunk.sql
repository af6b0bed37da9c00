-- Ends a chunk whose rows are loaded, in the transaction that makes them visible, unless another worker or attempt has it.
-- $1 chunk, $2 worker, $3 attempt, $4 outcome, $5 load, $6 fingerprint, $7 watermark, $8 figures, $9 gates, $10 proof
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks
   SET ended_at = clock_timestamp(), outcome = $4::text, load = $5::bigint, fingerprint = $6::text, watermark = $7::text,
       figures = $8::jsonb, gates = $9::jsonb, proof = $10::jsonb, worker = NULL, claimed_at = NULL, retry_at = NULL,
       error_code = NULL, error = NULL
 WHERE chunk = $1::bigint AND worker = $2::bigint AND attempts = $3::integer AND ended_at IS NULL
RETURNING chunk
