-- The columns of a table by which people know a row: those of its primary or first unique key, then the others that are
-- short, at most six; with the pages of its heap. Nothing where the role may not read it.
-- $1 oid
-- Locks: ACCESS SHARE on the table while the size of its file is looked at.
SELECT a.attname::text AS name, pg_relation_size(a.attrelid) / current_setting('block_size')::bigint AS pages
  FROM pg_attribute AS a
  JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN LATERAL (
         SELECT x.indkey FROM pg_index AS x
          WHERE x.indrelid = a.attrelid AND x.indisunique AND x.indisvalid
          ORDER BY x.indisprimary DESC, x.indexrelid
          LIMIT 1) AS k ON true
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
   AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
   -- Numbers, texts, dates, booleans and uuids: others are long, or say nothing to people.
   AND (t.typcategory IN ('N', 'S', 'D', 'B', 'E') OR t.typname = 'uuid')
 ORDER BY a.attnum <> ALL (coalesce(k.indkey::smallint[], '{}')), a.attnum
 LIMIT 6
