-- The rules on a table.
-- $1 oid of the table
-- Locks: none.
SELECT 'rule' AS kind,
       r.rulename::text AS name,
       concat_ws(' ', pg_get_ruledef(r.oid), 'state ' || r.ev_enabled) AS definition,
       ARRAY[pg_get_ruledef(r.oid),
             format('ALTER TABLE %s %s RULE %I', r.ev_class::regclass,
                    CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END,
                    r.rulename)] AS rebind,
       format('RULE %I ON %s', r.rulename, r.ev_class::regclass) AS object,
       obj_description(r.oid, 'pg_rewrite') AS comment
  FROM pg_rewrite AS r
 WHERE r.ev_class = $1::bigint::oid
 ORDER BY r.rulename
