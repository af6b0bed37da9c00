-- The types of some columns of a source, by their numbers, in the same order.
-- Portable are those that every server has under the same number and writes in binary in the same way. Not those that stand
-- for objects of one database, nor money, whose digits depend on a setting.
-- $1 oids of the types, $2 their modifiers
-- Locks: none.
SELECT format_type(t.oid, -1) AS name,
       format_type(t.oid, f.modifier) AS shown,
       coalesce(e.oid, t.oid) < 10000
         AND coalesce(e.typtype, t.typtype) IN ('b', 'r', 'm')
         AND coalesce(e.typname, t.typname) IN (
               'bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'varchar', 'bpchar', 'bytea', 'uuid',
               'date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval', 'json', 'jsonb', 'bit', 'varbit', 'inet',
               'cidr', 'macaddr', 'macaddr8', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle', 'int4range',
               'int8range', 'numrange', 'daterange', 'tsrange', 'tstzrange', 'int4multirange', 'int8multirange',
               'nummultirange', 'datemultirange', 'tsmultirange', 'tstzmultirange') AS portable
  FROM unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS f (type, modifier, n)
  JOIN pg_type AS t ON t.oid = f.type::oid
  LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
 ORDER BY f.n
