-- Records tables that an attempt makes, in the transaction that makes them.
-- $1 load, $2 their qualified names, quoted
-- Locks: ROW EXCLUSIVE on dwh.loads.
UPDATE dwh.loads SET landing = landing || $2::text[]
 WHERE load = $1::bigint AND finished_at IS NULL AND failed_at IS NULL
RETURNING load
