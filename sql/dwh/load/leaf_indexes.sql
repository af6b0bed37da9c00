-- What the indexes of a leaf are called, each with the index of the parent that it is a part of.
-- $1 oid of the leaf
-- Locks: none.
SELECT whole.relname::text AS of, part.relname::text AS name
  FROM pg_index AS x
  JOIN pg_class AS part ON part.oid = x.indexrelid
  JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid
  JOIN pg_class AS whole ON whole.oid = i.inhparent
 WHERE x.indrelid = $1::bigint::oid
