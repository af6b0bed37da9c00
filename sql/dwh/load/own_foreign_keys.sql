-- Foreign keys of a table that it has by itself, not from a parent.
-- $1 oid of the table
-- Locks: none.
SELECT conname::text AS name FROM pg_constraint WHERE conrelid = $1::bigint::oid AND contype = 'f' AND conparentid = 0
 ORDER BY conname
