-- A slot ends as its holder says. To be called under its lease.
-- $1 slot, $2 epoch, $3 exit code, $4 reason, or NULL, $5 the time, or NULL for the server's
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots AS s
   SET ended_at = coalesce($5::timestamptz, clock_timestamp()),
       outcome = CASE WHEN s.started_at > s.due_at + make_interval(secs => (j.definition ->> 'late_after')::float8) THEN 'late'
                      ELSE 'ran' END,
       exit_code = $3::integer,
       reason = $4::text
  FROM dwh.jobs AS j
 WHERE s.slot = $1::bigint AND s.epoch = $2::bigint AND s.ended_at IS NULL AND j.warehouse = s.warehouse AND j.job = s.job
RETURNING s.outcome
