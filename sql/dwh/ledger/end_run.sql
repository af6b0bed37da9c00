-- Closes the row of a run.
-- $1 run, $2 exit code, $3 error code, $4 error, $5 summary
-- Locks: ROW EXCLUSIVE on dwh.runs.
UPDATE dwh.runs
   SET ended_at = clock_timestamp(), exit_code = $2::smallint, error_code = $3::text, error = $4::text,
       summary = $5::jsonb
 WHERE run = $1::bigint AND ended_at IS NULL
