-- Records that a conversion is final, in the transaction that drops the plain table.
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions SET finished_at = clock_timestamp()
 WHERE conversion = $1::bigint AND swapped_at IS NOT NULL AND undone_at IS NULL AND finished_at IS NULL
RETURNING conversion
