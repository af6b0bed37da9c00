-- Records what the input of a load is, once all of it was read.
-- $1 load, $2 size, $3 hash
-- Locks: ROW EXCLUSIVE on dwh.loads.
UPDATE dwh.loads SET bytes = $2::bigint, sha256 = $3::text
 WHERE load = $1::bigint AND finished_at IS NULL AND failed_at IS NULL
RETURNING load
