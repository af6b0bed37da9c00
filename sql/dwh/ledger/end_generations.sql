-- The rows of these tables went back, or were let go; in the transaction that does it.
-- $1 generations
-- Locks: ROW EXCLUSIVE on dwh.generations.
UPDATE dwh.generations SET gone_at = clock_timestamp() WHERE generation = ANY ($1::bigint[]) AND gone_at IS NULL
RETURNING generation
