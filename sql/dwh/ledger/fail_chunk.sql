-- Ends an attempt without rows: with a time the chunk is tried again then, without one it is over.
-- $1 chunk, $2 worker, $3 attempt, $4 code of the error, $5 error, $6 seconds until the next try, NULL for none
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks
   SET worker = NULL, claimed_at = NULL, error_code = $4::text, error = $5::text,
       retry_at = clock_timestamp() + make_interval(secs => $6::float8),
       ended_at = CASE WHEN $6::float8 IS NULL THEN clock_timestamp() END,
       outcome = CASE WHEN $6::float8 IS NULL THEN 'failed' END
 WHERE chunk = $1::bigint AND worker = $2::bigint AND attempts = $3::integer AND ended_at IS NULL
RETURNING chunk
