-- The rules on other relations that name some relations in what they do.
-- $1 oids of the relations that are replaced
-- Locks: none.
SELECT DISTINCT 'rule of ' || r.ev_class::regclass::text AS kind,
       r.rulename::text AS name,
       pg_get_ruledef(r.oid) AS definition,
       ARRAY[regexp_replace(pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE')] AS rebind
  FROM pg_rewrite AS r
  JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
 WHERE d.refobjid = ANY ($1::bigint[]::oid[])
   AND r.ev_class <> ALL ($1::bigint[]::oid[])
   AND r.rulename <> '_RETURN'
 ORDER BY 1, 2
