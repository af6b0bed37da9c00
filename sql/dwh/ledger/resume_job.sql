-- A job goes on. What was due meanwhile has its slots by now.
-- $1 warehouse, $2 job
-- Locks: ROW EXCLUSIVE on dwh.jobs.
UPDATE dwh.jobs SET paused_at = NULL, paused_by = NULL WHERE warehouse = $1::text AND job = $2::text
