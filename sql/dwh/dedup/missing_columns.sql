-- The columns of a table that another table lacks, or has with another type.
-- $1 oid of the table, $2 oid of the other
-- Locks: none.
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_attribute AS a
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
   AND NOT EXISTS (SELECT FROM pg_attribute AS b
                    WHERE b.attrelid = $2::bigint::oid AND b.attname = a.attname AND NOT b.attisdropped
                      AND b.atttypid = a.atttypid AND b.atttypmod = a.atttypmod AND b.attgenerated = '')
 ORDER BY a.attnum
