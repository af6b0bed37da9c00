-- Every due time up to a moment gets its slot; one that has one already keeps it. To be called under the lock of the job.
-- $1 warehouse, $2 job, $3 due times, $4 the moment, $5 now
-- Locks: ROW EXCLUSIVE on dwh.jobs and dwh.slots.
WITH planned AS (UPDATE dwh.jobs SET planned_to = $4::timestamptz WHERE warehouse = $1::text AND job = $2::text)
INSERT INTO dwh.slots (warehouse, job, due_at, planned_at)
SELECT $1::text, $2::text, due_at, $5::timestamptz FROM unnest($3::timestamptz[]) AS due_at
ON CONFLICT (warehouse, job, due_at) DO NOTHING
