-- The columns of a table, as a load must know them to judge values.
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       -- What a domain is made of: a variable of a domain may not even begin as NULL.
       format_type(bottom.type, bottom.typmod) AS plain_type,
       bottom.depth > 0 AS is_domain,
       -- Without what limits it: a cast to varchar(3), or to a domain over it, cuts; an assignment refuses. -1 spells char as bpchar.
       format_type(bottom.type, -1) AS unlimited_type,
       CASE WHEN t.typtype = 'b' AND t.typelem = 0 THEN t.typname::text ELSE 'other' END AS base,
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS most_characters,
       CASE WHEN t.typname = 'numeric' AND a.atttypmod > 4 THEN ((a.atttypmod - 4) >> 16) & 65535 END AS precision,
       CASE WHEN t.typname = 'numeric' AND a.atttypmod > 4 THEN (((a.atttypmod - 4) & 2047) # 1024) - 1024 END AS scale,
       a.attnotnull AS not_null,
       a.atthasdef AND a.attgenerated = '' AS has_default,
       a.attgenerated <> '' AS generated,
       a.attidentity <> '' AS identity,
       a.attidentity = 'a' AS always_identity,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) AS sequence
  FROM pg_attribute AS a
  JOIN pg_class AS c ON c.oid = a.attrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_type AS t ON t.oid = a.atttypid
  CROSS JOIN LATERAL (
         WITH RECURSIVE down AS (
                SELECT a.atttypid AS type, a.atttypmod AS typmod, 0 AS depth
                 UNION ALL
                SELECT d.typbasetype, d.typtypmod, down.depth + 1
                  FROM down
                  JOIN pg_type AS d ON d.oid = down.type AND d.typtype = 'd')
         SELECT down.* FROM down ORDER BY down.depth DESC LIMIT 1) AS bottom
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
