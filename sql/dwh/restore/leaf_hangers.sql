-- What hangs on a leaf itself and not on its parent, and cannot be given to the table that takes its place; the triggers of
-- seals apart, which are. Grants, comments, CHECKs, defaults, statistics and indexes of its own are no obstacle: a table that
-- is made like the leaf has them.
-- $1 oid of the leaf
-- Locks: none.
SELECT DISTINCT h.hanger
  FROM pg_class AS leaf
 CROSS JOIN LATERAL (
         SELECT CASE v.relkind WHEN 'm' THEN 'materialized view ' WHEN 'v' THEN 'view ' ELSE 'rule of ' END || v.oid::regclass::text AS hanger
           FROM pg_depend AS d
           JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
           JOIN pg_class AS v ON v.oid = r.ev_class
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = leaf.oid
          UNION ALL
         SELECT format('foreign key %I of %s', k.conname, k.conrelid::regclass)
           FROM pg_constraint AS k
          WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.confrelid = leaf.oid OR k.conrelid = leaf.oid)
          UNION ALL
         SELECT format('exclusion constraint %I', k.conname)
           FROM pg_constraint AS k WHERE k.contype = 'x' AND k.conrelid = leaf.oid
          UNION ALL
         SELECT format('deferrable constraint %I', k.conname)
           FROM pg_constraint AS k WHERE k.contype IN ('p', 'u') AND k.condeferrable AND k.conrelid = leaf.oid
          UNION ALL
         SELECT format('policy %I', p.polname) FROM pg_policy AS p WHERE p.polrelid = leaf.oid
          UNION ALL
         SELECT 'FORCE ROW LEVEL SECURITY' WHERE leaf.relforcerowsecurity
          UNION ALL
         SELECT format('trigger %I', t.tgname)
           FROM pg_trigger AS t
           JOIN pg_proc AS p ON p.oid = t.tgfoid
           JOIN pg_namespace AS n ON n.oid = p.pronamespace
          WHERE t.tgrelid = leaf.oid AND t.tgparentid = 0 AND NOT t.tgisinternal
            AND NOT (n.nspname = 'dwh' AND p.proname = 'refuse_sealed')
          UNION ALL
         SELECT format('publication %I', p.pubname)
           FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid WHERE r.prrelid = leaf.oid
          UNION ALL
         SELECT 'function ' || p.oid::regprocedure::text
           FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
          WHERE d.deptype = 'n'
            AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = leaf.oid
                 OR d.refclassid = 'pg_type'::regclass AND d.refobjid = leaf.reltype)
          UNION ALL
         -- DETACH refuses while rows refer to what is in the leaf.
         SELECT format('foreign key %I of %s, which refers to the whole table', k.conname, k.conrelid::regclass)
           FROM pg_inherits AS i
           JOIN pg_constraint AS k ON k.contype = 'f' AND k.confrelid = i.inhparent AND k.conrelid <> i.inhparent
          WHERE i.inhrelid = leaf.oid AND k.conparentid = 0
       ) AS h
 WHERE leaf.oid = $1::bigint::oid
 ORDER BY 1
