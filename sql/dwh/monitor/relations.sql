-- The tables and views of some schemas with their size and estimated rows; leaves count with their parent.
-- $1 schemas
-- Locks: none.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'f' THEN 'foreign table' END AS kind,
       CASE c.relkind WHEN 'p' THEN tree.rows WHEN 'v' THEN NULL ELSE nullif(c.reltuples, -1)::bigint END AS rows,
       CASE c.relkind WHEN 'p' THEN tree.bytes WHEN 'v' THEN 0 ELSE pg_total_relation_size(c.oid) END AS bytes,
       CASE c.relkind WHEN 'p' THEN tree.leaves END AS leaves
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
         SELECT count(*) AS leaves,
                coalesce(sum(pg_total_relation_size(l.oid)), 0)::bigint AS bytes,
                coalesce(sum(greatest(l.reltuples, 0)), 0)::bigint AS rows
           FROM pg_inherits AS i
           JOIN pg_class AS l ON l.oid = i.inhrelid
          WHERE i.inhparent = c.oid) AS tree ON c.relkind = 'p'
 WHERE n.nspname = ANY ($1::text[])
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND NOT c.relispartition
 ORDER BY n.nspname, c.relname
