-- A chunk counts no more, in the transaction that takes its rows back; nothing when it has not counted.
-- $1 chunk
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks SET undone_at = clock_timestamp()
 WHERE chunk = $1::bigint AND outcome IN ('done', 'flagged') AND superseded_by IS NULL AND undone_at IS NULL
RETURNING chunk
