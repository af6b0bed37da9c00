-- The run of a command that works for a slot.
-- $1 slot, $2 epoch, $3 run
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots SET run = $3::bigint WHERE slot = $1::bigint AND epoch = $2::bigint AND ended_at IS NULL RETURNING slot
