-- Jobs that the warehouse file has no more.
-- $1 warehouse, $2 the jobs that it has
-- Locks: ROW EXCLUSIVE on dwh.jobs.
UPDATE dwh.jobs
   SET gone_at = clock_timestamp()
 WHERE warehouse = $1::text AND job <> ALL ($2::text[]) AND gone_at IS NULL
