-- The run of a command that works for a slot.
-- $1 slot, $2 epoch, $3 run
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots
   SET run = $3::bigint, runs = CASE WHEN $3::bigint = ANY (runs) THEN runs ELSE runs || $3::bigint END
 WHERE slot = $1::bigint AND epoch = $2::bigint AND ended_at IS NULL
RETURNING slot
