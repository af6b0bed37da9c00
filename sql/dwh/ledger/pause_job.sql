-- Nothing of a job begins until it is resumed.
-- $1 warehouse, $2 jobs, $3 by whom
-- Locks: ROW EXCLUSIVE on dwh.jobs.
UPDATE dwh.jobs
   SET paused_at = coalesce(paused_at, clock_timestamp()), paused_by = coalesce(paused_by, $3::text)
 WHERE warehouse = $1::text AND job = ANY ($2::text[])
