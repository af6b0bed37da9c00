-- Whichever chunk counted for a window before one that was undone counts again.
-- $1 chunk that was undone
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks SET superseded_by = NULL WHERE superseded_by = $1::bigint AND undone_at IS NULL RETURNING chunk
