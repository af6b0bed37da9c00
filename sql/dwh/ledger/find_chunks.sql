-- Chunks that have ended, or are still to be done, with their state; those that gave way to later ones only where a backfill is named.
-- $1 warehouse, $2 datasets or NULL, $3 source or NULL, $4 backfill or NULL, $5 first day or NULL, $6 day after the last or NULL
-- Locks: ACCESS SHARE on the ledger.
SELECT chunk, backfill, place, dataset, source, schema_name, table_name, window_from::text AS window_from, window_to::text AS window_to,
       zone, parameters, code, attempts, worker, claimed_at, retry_at, progress, progressed_at, ended_at, outcome, error_code, error,
       fingerprint, watermark, load, figures, gates, proof, superseded_by, undone_at, state
  FROM dwh.chunk_states
 WHERE warehouse = $1::text
   AND ($2::text[] IS NULL OR dataset = ANY ($2::text[]))
   AND ($3::text IS NULL OR source = $3::text)
   AND ($4::bigint IS NULL OR backfill = $4::bigint)
   AND ($4::bigint IS NOT NULL OR superseded_by IS NULL)
   AND ($5::date IS NULL OR window_to IS NULL OR window_to > $5::date)
   AND ($6::date IS NULL OR window_from IS NULL OR window_from < $6::date)
 ORDER BY dataset, source, parameters, window_from, chunk
