-- A slot that nobody will run ends. To be called under the lock of the job.
-- $1 slot, $2 outcome, $3 reason, $4 now, $5 exit code, or NULL
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots
   SET ended_at = $4::timestamptz, outcome = $2::text, reason = $3::text, exit_code = $5::integer
 WHERE slot = $1::bigint AND ended_at IS NULL
