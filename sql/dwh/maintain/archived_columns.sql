-- The columns of a table as they are written into files, in their order. Of a domain what it is made of decides.
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       CASE WHEN base.typnamespace = 'pg_catalog'::regnamespace THEN base.typname::text ELSE '' END AS base,
       CASE WHEN base.typname = 'numeric' AND a.atttypmod > 4 AND t.typtype <> 'd' THEN ((a.atttypmod - 4) >> 16) & 65535 END AS precision,
       CASE WHEN base.typname = 'numeric' AND a.atttypmod > 4 AND t.typtype <> 'd' THEN (((a.atttypmod - 4) & 2047) # 1024) - 1024 END AS scale,
       a.attnotnull AS not_null,
       a.attgenerated <> '' AS is_generated,
       pg_get_expr(d.adbin, d.adrelid) AS expression
  FROM pg_attribute AS a
  JOIN pg_type AS t ON t.oid = a.atttypid
  JOIN pg_type AS base ON base.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
