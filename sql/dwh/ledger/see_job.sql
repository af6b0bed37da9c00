-- A job as the warehouse file has it. New or other times count from now on: what was due before is nobody's.
-- $1 warehouse, $2 job, $3 definition as JSON, $4 the time, or NULL for the server's
-- Locks: ROW EXCLUSIVE on dwh.jobs.
INSERT INTO dwh.jobs AS j (warehouse, job, definition, known_from, planned_to, seen_at)
SELECT $1::text, $2::text, $3::jsonb, t.now, t.now, t.now
  FROM (SELECT date_trunc('milliseconds', coalesce($4::timestamptz, clock_timestamp())) AS now) AS t
ON CONFLICT (warehouse, job) DO UPDATE
   SET (known_from, planned_to) = (
         SELECT CASE WHEN o.has_other_times THEN excluded.known_from ELSE j.known_from END,
                CASE WHEN o.has_other_times THEN excluded.planned_to ELSE j.planned_to END
           FROM (SELECT j.gone_at IS NOT NULL
                        OR (j.definition ->> 'cron', j.definition ->> 'zone')
                           IS DISTINCT FROM (excluded.definition ->> 'cron', excluded.definition ->> 'zone')
                        AS has_other_times) AS o),
       definition = excluded.definition,
       seen_at = excluded.seen_at,
       gone_at = NULL
