-- The views that read some relations directly, with the statement that binds each to whatever bears the names then. A
-- view keeps its own oid, grants, owner and comment that way, and so the views over it need nothing.
-- $1 oids of the relations that are replaced
-- Locks: ACCESS SHARE on each view while its definition is read.
SELECT 'view' AS kind,
       v.oid::regclass::text AS name,
       definition,
       ARRAY[definition] AS rebind
  FROM pg_class AS v
 CROSS JOIN LATERAL (
         SELECT format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
                       CASE WHEN v.reloptions IS NULL THEN '' ELSE format(' WITH (%s)', array_to_string(v.reloptions, ', ')) END,
                       pg_get_viewdef(v.oid)) AS definition) AS d
 WHERE v.relkind = 'v'
   AND EXISTS (SELECT
                 FROM pg_rewrite AS r
                 JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                WHERE r.ev_class = v.oid AND d.refobjid = ANY ($1::bigint[]::oid[]))
 ORDER BY 2
