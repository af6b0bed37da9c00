-- Foreign keys by which a DELETE of rows changes rows of other tables without a word: CASCADE, SET NULL, SET DEFAULT.
-- $1 oids of the table that they refer to and of its leaves
-- Locks: none.
SELECT k.conname::text AS name, k.conrelid::regclass::text AS of
  FROM pg_constraint AS k
 WHERE k.contype = 'f' AND k.confrelid = ANY ($1::bigint[]::oid[]) AND k.confdeltype IN ('c', 'n', 'd') AND k.conparentid = 0
 ORDER BY 1
