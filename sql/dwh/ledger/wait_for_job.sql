-- A job for whoever decides about its slots, after those who do now.
-- $1 warehouse, $2 job, $3 the time, or NULL for the server's
-- Locks: FOR NO KEY UPDATE on the row of dwh.jobs.
SELECT job, definition, known_from, planned_to, paused_at, paused_by, gone_at,
       date_trunc('milliseconds', coalesce($3::timestamptz, clock_timestamp())) AS now
  FROM dwh.jobs
 WHERE warehouse = $1::text AND job = $2::text
   FOR NO KEY UPDATE
