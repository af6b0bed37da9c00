-- Takes loads over from another ledger. What was loaded there, and is not finished here, has gone with the rows: it counts as
-- failed, so that it can be loaded again.
-- $1 loads as JSON
-- Locks: ROW EXCLUSIVE on dwh.loads.
INSERT INTO dwh.loads OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(l, jsonb_build_object(
         'run', (SELECT r.run FROM dwh.runs AS r WHERE r.run = l.run),
         'landing', '{}',
         'superseded_by', NULL,
         'finished_at', NULL) || CASE WHEN l.finished_at IS NULL THEN '{}' ELSE jsonb_build_object(
         'failed_at', clock_timestamp(),
         'error_code', 'RESTORED_AWAY',
         'error', 'it was loaded after the backup that the database was restored from') END)).*
  FROM jsonb_populate_recordset(NULL::dwh.loads, $1::jsonb) AS l
ON CONFLICT (load) DO UPDATE
   SET failed_at = excluded.failed_at, error_code = excluded.error_code, error = excluded.error, landing = excluded.landing,
       bytes = excluded.bytes, sha256 = excluded.sha256
 WHERE loads.finished_at IS NULL AND loads.failed_at IS NULL
RETURNING error_code IS NOT DISTINCT FROM 'RESTORED_AWAY' AS is_restored_away
