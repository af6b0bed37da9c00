-- A command of a slot has succeeded; the next one has no run yet. To be called under its lease.
-- $1 slot, $2 epoch, $3 commands done
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots SET commands_done = $3::integer, run = CASE WHEN $3::integer > commands_done THEN NULL ELSE run END
 WHERE slot = $1::bigint AND epoch = $2::bigint AND ended_at IS NULL
