-- The columns of a table in the order of their names, and what of each is hashed so that any two values are told apart:
--   value         the type's own hash sees every bit
--   <type>send    its binary form: int8 and the types stored as one fold their halves together before they are hashed
--                 (-1 and 4294967295 collide under every seed), floats take -0 for 0, and "char" has the machine's sign
--   text          types whose equality is looser than identity (numeric 1.0 = 1.00, interval 1 day = 24 hours, jsonb,
--                 citext, collations that fold case), that have no hash (json, xml, point), or one that differs between
--                 servers (enums, arrays and composites hash oids)
-- $1 oid of the table
-- Locks: none.
SELECT a.attname::text AS name,
       CASE
         WHEN base.oid = ANY ('{int8,time,timestamp,timestamptz,float4,float8,"\"char\""}'::regtype[]) THEN base.typsend::text
         WHEN base.oid = ANY ('{bool,int2,int4,oid,text,varchar,bpchar,name,bytea,date,uuid,inet,cidr,macaddr}'::regtype[])
          AND coalesce(l.collisdeterministic, true) THEN 'value'
         ELSE 'text'
       END AS hashed
  FROM pg_attribute AS a
  JOIN pg_type AS t ON t.oid = a.atttypid
  JOIN pg_type AS base ON base.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
 WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attname COLLATE "C"
