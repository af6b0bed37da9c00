-- Records that a load is done, in the transaction that makes its rows visible: its tables are leaves now, or dropped.
-- $1 load, $2 records, $3 inserted, $4 updated, $5 unchanged, $6 moved, $7 replaced, $8 duplicates, $9 rejected, $10 leaves
-- Locks: ROW EXCLUSIVE on dwh.loads; waits for a load of the same content that is being committed.
UPDATE dwh.loads
   SET finished_at = clock_timestamp(), landing = '{}', records = $2::bigint, inserted = $3::bigint, updated = $4::bigint,
       unchanged = $5::bigint, moved = $6::bigint, replaced = $7::bigint, duplicates = $8::bigint, rejected = $9::bigint,
       leaves = $10::jsonb
 WHERE load = $1::bigint AND finished_at IS NULL AND failed_at IS NULL
RETURNING load
