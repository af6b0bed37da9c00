-- What cannot be bound to another table by any statement: users of its row type, and a table of a type.
-- $1 oid of the table
-- Locks: none.
SELECT format('%s uses the row type of the table', pg_describe_object(d.classid, d.objid, 0)) AS obstacle
  FROM pg_class AS c
  JOIN pg_type AS t ON t.oid = c.reltype
  JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
 WHERE c.oid = $1::bigint::oid AND d.deptype = 'n' AND NOT (d.classid = 'pg_class'::regclass AND d.objid = c.oid)
UNION
SELECT format('the table is of type %s', c.reloftype::regtype)
  FROM pg_class AS c
 WHERE c.oid = $1::bigint::oid AND c.reloftype <> 0
 ORDER BY 1
