-- How a table hangs on a partitioned one, and whether that has a leaf for all the rest, beside which none is detached concurrently.
-- $1 parent, $2 leaf, both quoted, with their schemas
-- Locks: none.
SELECT c.oid::bigint AS oid,
       i.inhrelid IS NOT NULL AS is_attached,
       coalesce(i.inhdetachpending, false) AS is_pending,
       coalesce(p.partdefid <> 0, false) AS has_default,
       c.relkind = 'f' AS is_foreign
  FROM pg_class AS c
  LEFT JOIN pg_partitioned_table AS p ON p.partrelid = to_regclass($1::text)
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = p.partrelid
 WHERE c.oid = to_regclass($2::text)
