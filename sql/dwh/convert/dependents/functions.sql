-- The functions whose SQL body, kept as a parse tree, reads some relations.
-- $1 oids of the relations that are replaced
-- Locks: none.
SELECT DISTINCT 'function' AS kind,
       p.oid::regprocedure::text AS name,
       pg_get_functiondef(p.oid) AS definition,
       ARRAY[pg_get_functiondef(p.oid)] AS rebind
  FROM pg_depend AS d
  JOIN pg_proc AS p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::bigint[]::oid[])
 ORDER BY 2
