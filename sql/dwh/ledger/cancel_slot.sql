-- The holder of a slot is to end it.
-- $1 slot, $2 now
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots SET cancel_at = $2::timestamptz WHERE slot = $1::bigint AND ended_at IS NULL AND cancel_at IS NULL
