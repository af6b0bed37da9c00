-- What else hangs on a table and would silently stay behind when another takes its name.
-- $1 oid of the table
-- Locks: none.
SELECT kind, name
  FROM (
    SELECT CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind, v.oid::regclass::text AS name
      FROM pg_depend AS d
      JOIN pg_rewrite AS r ON r.oid = d.objid
      JOIN pg_class AS v ON v.oid = r.ev_class
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid = $1::bigint::oid AND v.oid <> d.refobjid
    UNION
    SELECT 'rule', r.rulename::text FROM pg_rewrite AS r WHERE r.ev_class = $1::bigint::oid
    UNION
    SELECT 'trigger', t.tgname::text FROM pg_trigger AS t WHERE t.tgrelid = $1::bigint::oid AND NOT t.tgisinternal
    UNION
    SELECT 'foreign key', k.conname::text FROM pg_constraint AS k WHERE k.conrelid = $1::bigint::oid AND k.contype = 'f'
    UNION
    SELECT 'foreign key from', k.conrelid::regclass::text || ' (' || k.conname || ')'
      FROM pg_constraint AS k
     WHERE k.confrelid = $1::bigint::oid AND k.contype = 'f' AND k.conrelid <> k.confrelid
    UNION
    SELECT 'policy', p.polname::text FROM pg_policy AS p WHERE p.polrelid = $1::bigint::oid
    UNION
    SELECT 'row level security', 'enabled' FROM pg_class AS c
     WHERE c.oid = $1::bigint::oid AND (c.relrowsecurity OR c.relforcerowsecurity)
    UNION
    SELECT 'publication', p.pubname::text
      FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid
     WHERE r.prrelid = $1::bigint::oid
    UNION
    SELECT 'identity column', a.attname::text FROM pg_attribute AS a
     WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> ''
    UNION
    SELECT 'function', p.oid::regprocedure::text
      FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid
     WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::bigint::oid
    UNION
    SELECT 'type used by', coalesce(nullif(d.objid::regclass::text, ''), d.objid::text)
      FROM pg_type AS t
      JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                         AND d.classid = 'pg_class'::regclass AND d.deptype = 'n'
     WHERE t.typrelid = $1::bigint::oid AND d.objid <> t.typrelid
    UNION
    SELECT 'replica identity', 'full' FROM pg_class AS c WHERE c.oid = $1::bigint::oid AND c.relreplident = 'f'
  ) AS dependents
 ORDER BY kind, name
