-- What hangs on a leaf itself and not on its parent, so that another leaf cannot take its place: views, foreign keys,
-- policies, triggers, statistics, publications and indexes of its own.
-- $1 oids of leaves
-- Locks: none.
SELECT leaf.oid::bigint AS oid
  FROM unnest($1::bigint[]) AS given (oid)
  JOIN pg_class AS leaf ON leaf.oid = given.oid::oid
 WHERE EXISTS (SELECT FROM pg_depend AS d
                 JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = leaf.oid)
    OR EXISTS (SELECT FROM pg_constraint AS k
                WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.confrelid = leaf.oid OR k.conrelid = leaf.oid))
    OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = leaf.oid)
    OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = leaf.oid AND t.tgparentid = 0 AND NOT t.tgisinternal)
    OR EXISTS (SELECT FROM pg_statistic_ext AS s WHERE s.stxrelid = leaf.oid)
    OR EXISTS (SELECT FROM pg_publication_rel AS p WHERE p.prrelid = leaf.oid)
    OR EXISTS (SELECT FROM pg_index AS x
                WHERE x.indrelid = leaf.oid AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = x.indexrelid))
    OR EXISTS (SELECT FROM pg_depend AS d
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = leaf.oid AND d.deptype = 'n'
                  AND d.classid = 'pg_proc'::regclass)
