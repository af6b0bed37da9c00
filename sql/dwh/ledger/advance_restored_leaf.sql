-- Writes down how far a restored leaf has come; NULL leaves what is there.
-- $1 leaf, $2 the new state, $3 rows, $4 what its indexes are called, $5 name and $6 oid of the leaf whose place it took
-- Locks: ROW EXCLUSIVE on dwh.restored_leaves.
UPDATE dwh.restored_leaves
   SET filled_at   = CASE WHEN $2::text = 'filled'   THEN clock_timestamp() ELSE filled_at END,
       proved_at   = CASE WHEN $2::text = 'proved'   THEN clock_timestamp() ELSE proved_at END,
       attached_at = CASE WHEN $2::text = 'attached' THEN clock_timestamp() ELSE attached_at END,
       undone_at   = CASE WHEN $2::text = 'undone'   THEN clock_timestamp() ELSE undone_at END,
       ended_at    = CASE WHEN $2::text = 'ended'    THEN clock_timestamp() ELSE ended_at END,
       rows        = coalesce($3::bigint, rows),
       indexes     = coalesce($4::jsonb, indexes),
       kept_name   = coalesce($5::text, kept_name),
       kept_oid    = coalesce($6::bigint::oid, kept_oid)
 WHERE leaf = $1::bigint AND ended_at IS NULL
RETURNING leaf
