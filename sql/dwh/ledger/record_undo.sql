-- Records that a conversion was undone, in the transaction that undoes it.
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions SET undone_at = clock_timestamp()
 WHERE conversion = $1::bigint AND undone_at IS NULL AND finished_at IS NULL
RETURNING conversion
