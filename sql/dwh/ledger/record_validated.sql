-- Records that the foreign keys of other tables, which a swap has added, are validated.
-- $1 conversion
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions SET unvalidated = '[]'
 WHERE conversion = $1::bigint AND swapped_at IS NOT NULL
