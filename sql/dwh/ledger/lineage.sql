-- The chunks that count, or have counted until a later one took their place, for the window of one chunk: that chunk among them
-- unless it was taken back.
-- $1 chunk
-- Locks: ACCESS SHARE on the ledger.
SELECT s.chunk, s.backfill, s.place, s.dataset, s.source, s.schema_name, s.table_name, s.window_from::text AS window_from,
       s.window_to::text AS window_to, s.zone, s.parameters, s.code, s.attempts, s.worker, s.claimed_at, s.retry_at, s.progress,
       s.progressed_at, s.ended_at, s.outcome, s.error_code, s.error, s.fingerprint, s.watermark, s.load, s.figures, s.gates, s.proof,
       s.superseded_by, s.undone_at, s.state
  FROM dwh.chunks AS c
  JOIN dwh.chunk_states AS s USING (warehouse, dataset, source, parameters)
 WHERE c.chunk = $1::bigint
   AND coalesce(s.window_from, '-infinity') = coalesce(c.window_from, '-infinity')
   AND coalesce(s.window_to, 'infinity') = coalesce(c.window_to, 'infinity')
   AND s.outcome IN ('done', 'flagged') AND s.undone_at IS NULL
