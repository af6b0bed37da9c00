-- Closes the row of a task.
-- $1 task, $2 outcome, $3 reason, $4 error code, $5 before, $6 after
-- Locks: ROW EXCLUSIVE on dwh.tasks.
UPDATE dwh.tasks
   SET ended_at = clock_timestamp(), outcome = $2::text, reason = $3::text, error_code = $4::text, before = $5::jsonb,
       after = $6::jsonb
 WHERE task = $1::bigint AND ended_at IS NULL
