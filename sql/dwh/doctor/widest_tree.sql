-- The partitioned table of which an unpruned query locks most: leaves, and the indexes of each.
-- Locks: none.
WITH RECURSIVE tree AS (
       SELECT c.oid AS root, c.oid AS member
         FROM pg_class AS c
        WHERE c.relkind = 'p' AND NOT c.relispartition
        UNION ALL
       SELECT tree.root, h.inhrelid
         FROM tree
         JOIN pg_inherits AS h ON h.inhparent = tree.member)
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       count(*) - 1 AS leaves,
       count(*) + sum((SELECT count(*) FROM pg_index AS x WHERE x.indrelid = tree.member))::bigint AS locks
  FROM tree
  JOIN pg_class AS c ON c.oid = tree.root
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 GROUP BY n.nspname, c.relname
 ORDER BY locks DESC
 LIMIT 1
