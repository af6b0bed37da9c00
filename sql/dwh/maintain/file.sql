-- The file of a table: another one after it was rewritten.
-- $1 oid
-- Locks: none.
SELECT relfilenode::bigint AS file FROM pg_class WHERE oid = $1::bigint::oid
