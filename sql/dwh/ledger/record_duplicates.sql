-- Records what a conversion has set aside, in the transaction that sets it aside.
-- $1 conversion, $2 table, rows and hash, or NULL for none
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions SET duplicates = $2::jsonb
 WHERE conversion = $1::bigint AND swapped_at IS NULL AND undone_at IS NULL
RETURNING conversion
