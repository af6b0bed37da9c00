-- Records the swap of a conversion in the transaction that makes it, with the proof that both sides were equal.
-- $1 conversion, $2 renames, $3 rows, $4 and $5 the hash, $6 its algorithm, $7 statements for undo,
-- $8 statements that validate foreign keys afterwards
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions
   SET swapped_at = clock_timestamp(), renames = $2::jsonb, row_count = $3::bigint, hash_1 = $4::numeric, hash_2 = $5::numeric,
       algorithm = $6::text, undo = $7::jsonb, unvalidated = $8::jsonb
 WHERE conversion = $1::bigint AND swapped_at IS NULL AND undone_at IS NULL
RETURNING conversion
