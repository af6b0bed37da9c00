-- What deduplication must know of a table before it deletes rows from it.
-- $1 oid of the table
-- Locks: none.
SELECT pg_get_userbyid(c.relowner)::text AS owner,
       pg_has_role(c.relowner, 'USAGE') AS is_owner,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum)
          FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT array_agg(format('%s of %s', k.conname, k.conrelid::regclass) ORDER BY k.conname)
          FROM pg_constraint AS k
         -- A key may refer to one leaf by itself.
         WHERE (k.confrelid = c.oid OR k.confrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid))
           AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.conparentid = 0) AS cascades,
       (SELECT array_agg(l.oid::regclass::text ORDER BY l.relname)
          FROM pg_inherits AS i JOIN pg_class AS l ON l.oid = i.inhrelid
         WHERE i.inhparent = c.oid AND l.relkind = 'f') AS foreign_leaves
  FROM pg_class AS c
 WHERE c.oid = $1::bigint::oid
