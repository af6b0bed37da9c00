-- The columns of a table whose values vary in length, in their order: only those can be compressed or lie out of line.
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'm' THEN 'main' WHEN 'e' THEN 'external' ELSE 'extended' END AS storage,
       CASE a.attcompression WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' ELSE 'default' END AS setting
  FROM pg_attribute AS a
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attlen = -1
   -- A virtual column is computed when it is read.
   AND a.attgenerated <> 'v'
 ORDER BY a.attnum
