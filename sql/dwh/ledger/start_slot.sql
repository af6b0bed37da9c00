-- A slot begins, or is taken up again after its daemon died; what it has done by then stays done.
-- $1 slot, $2 epoch, $3 holder, $4 now
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots
   SET started_at = coalesce(started_at, $4::timestamptz), epoch = $2::bigint, holder = $3::text, attempts = attempts + 1,
       cancel_at = NULL
 WHERE slot = $1::bigint AND ended_at IS NULL
RETURNING slot
