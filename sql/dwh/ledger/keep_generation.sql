-- Writes down a table that keeps rows of a chunk beside its dataset, in the transaction that makes it.
-- $1 chunk, $2 kind, $3 quoted name, $4 rows, $5 difference or NULL
-- Locks: ROW EXCLUSIVE on dwh.generations.
INSERT INTO dwh.generations (chunk, kind, table_name, row_count, difference)
VALUES ($1::bigint, $2::text, $3::text, $4::bigint, $5::jsonb)
