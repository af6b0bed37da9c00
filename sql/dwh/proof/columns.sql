-- The columns of a table in the order of their names, and whether a hash of the value tells any two values apart. Types
-- whose equality is looser than identity (numeric 1.0 = 1.00, interval 1 day = 24 hours, jsonb, citext, collations that
-- fold case) or that have no hash (json, xml, point), or one that differs between servers (enums hash their oid), are hashed as text instead.
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS name,
       base.oid = ANY ('{bool,int2,int4,int8,oid,text,varchar,bpchar,name,"\"char\"",bytea,date,time,timestamp,timestamptz,uuid,float4,float8,inet,cidr,macaddr}'::regtype[])
       AND coalesce(l.collisdeterministic, true) AS identity_hash
  FROM pg_attribute AS a
  JOIN pg_type AS t ON t.oid = a.atttypid
  JOIN pg_type AS base ON base.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attname COLLATE "C"
