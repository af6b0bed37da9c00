-- The bounds of a leaf, as ATTACH PARTITION takes them.
-- $1 oid
-- Locks: ACCESS SHARE on the leaf.
SELECT pg_get_expr(relpartbound, oid) AS bounds FROM pg_class WHERE oid = $1::bigint::oid
