-- What is kept beside datasets, of some chunks, newest first.
-- $1 chunks
-- Locks: ACCESS SHARE on the ledger.
SELECT generation, chunk, kind, table_name, row_count AS rows, difference, made_at, gone_at
  FROM dwh.generations
 WHERE chunk = ANY ($1::bigint[])
 ORDER BY generation DESC
