-- The chunks of a backfill with their state, in the order in which they are taken.
-- $1 backfill
-- Locks: ACCESS SHARE on the ledger.
SELECT chunk, backfill, place, dataset, source, schema_name, table_name, window_from::text AS window_from, window_to::text AS window_to,
       zone, parameters, code, attempts, worker, claimed_at, retry_at, progress, progressed_at, ended_at, outcome, error_code, error,
       fingerprint, watermark, load, figures, gates, proof, superseded_by, undone_at, state
  FROM dwh.chunk_states
 WHERE backfill = $1::bigint
 ORDER BY place
