-- A slot that its holder had begun is for another daemon, at once. To be called under its lease.
-- $1 slot, $2 epoch
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots
   SET started_at = NULL, epoch = NULL, holder = NULL, attempts = attempts - 1, run = NULL, cancel_at = NULL,
       queued_at = coalesce(queued_at, clock_timestamp())
 WHERE slot = $1::bigint AND epoch = $2::bigint AND ended_at IS NULL
