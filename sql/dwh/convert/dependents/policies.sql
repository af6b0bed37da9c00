-- The row security of a table: its policies, and whether it is switched on.
-- $1 oid of the table
-- Locks: none.
SELECT 'policy' AS kind,
       p.polname::text AS name,
       definition,
       ARRAY[definition] AS rebind,
       format('POLICY %I ON %s', p.polname, p.polrelid::regclass) AS object,
       obj_description(p.oid, 'pg_policy') AS comment
  FROM pg_policy AS p
 CROSS JOIN LATERAL (
         SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass,
                       CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                       CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                       (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
                          FROM unnest(p.polroles) AS role))
                || coalesce(format(' USING (%s)', pg_get_expr(p.polqual, p.polrelid)), '')
                || coalesce(format(' WITH CHECK (%s)', pg_get_expr(p.polwithcheck, p.polrelid)), '') AS definition) AS d
 WHERE p.polrelid = $1::bigint::oid
UNION ALL
SELECT 'row security', switch, 'on', ARRAY[format('ALTER TABLE %s %s ROW LEVEL SECURITY', c.oid::regclass, switch)], NULL, NULL
  FROM pg_class AS c
 CROSS JOIN LATERAL (
         SELECT 'ENABLE' AS switch WHERE c.relrowsecurity
          UNION ALL
         SELECT 'FORCE' WHERE c.relforcerowsecurity) AS s
 WHERE c.oid = $1::bigint::oid
 ORDER BY 1, 2
