-- A slot waits for the one before it.
-- $1 slot, $2 now
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots SET queued_at = $2::timestamptz WHERE slot = $1::bigint AND ended_at IS NULL AND queued_at IS NULL
