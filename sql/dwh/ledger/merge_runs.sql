-- Takes runs over from another ledger; one that was open here and has ended there has ended.
-- $1 runs as JSON
-- Locks: ROW EXCLUSIVE on dwh.runs.
INSERT INTO dwh.runs OVERRIDING SYSTEM VALUE
SELECT r.* FROM jsonb_populate_recordset(NULL::dwh.runs, $1::jsonb) AS r
ON CONFLICT (run) DO UPDATE
   SET ended_at = excluded.ended_at, exit_code = excluded.exit_code, error_code = excluded.error_code,
       error = excluded.error, summary = excluded.summary
 WHERE runs.ended_at IS NULL
