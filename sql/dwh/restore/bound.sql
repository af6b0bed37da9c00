-- The condition that every row of a leaf fulfils, as a CHECK can say it; NULL for a table that is none.
-- $1 oid of the leaf
-- Locks: ACCESS SHARE on the leaf.
SELECT pg_get_partition_constraintdef($1::bigint::oid) AS condition
