-- What hangs on a leaf itself and not on its parent, so that another leaf cannot take its place: views, functions, foreign
-- keys, policies, row security that its owner is forced to, triggers, statistics that the parent has not, publications, indexes, CHECKs, NOT NULLs and defaults of its own, and an index that
-- it is clustered on or identified by.
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
    -- Forced on a leaf before its rows are in, it would keep them out.
    OR leaf.relforcerowsecurity
    OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = leaf.oid AND t.tgparentid = 0 AND NOT t.tgisinternal)
    OR EXISTS (SELECT FROM pg_statistic_ext AS s
                WHERE s.stxrelid = leaf.oid
                  AND (coalesce(s.stxstattarget, -1) <> -1
                       OR NOT EXISTS (SELECT FROM pg_inherits AS i
                                        JOIN pg_statistic_ext AS whole ON whole.stxrelid = i.inhparent
                                       WHERE i.inhrelid = leaf.oid AND whole.stxkind = s.stxkind
                                         AND pg_get_statisticsobjdef_columns(whole.oid) = pg_get_statisticsobjdef_columns(s.oid))))
    OR EXISTS (SELECT FROM pg_publication_rel AS p WHERE p.prrelid = leaf.oid)
    OR EXISTS (SELECT FROM pg_index AS x
                WHERE x.indrelid = leaf.oid
                  AND (x.indisclustered OR x.indisreplident
                       OR NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = x.indexrelid)))
    OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = leaf.oid AND k.contype = 'c' AND k.coninhcount = 0)
    OR EXISTS (SELECT FROM pg_inherits AS i
                 JOIN pg_attribute AS a ON a.attrelid = i.inhrelid AND a.attnum > 0 AND NOT a.attisdropped
                 JOIN pg_attribute AS whole ON whole.attrelid = i.inhparent AND whole.attname = a.attname
                 LEFT JOIN pg_attrdef AS own ON own.adrelid = a.attrelid AND own.adnum = a.attnum
                 LEFT JOIN pg_attrdef AS d ON d.adrelid = whole.attrelid AND d.adnum = whole.attnum
                WHERE i.inhrelid = leaf.oid
                  AND (a.attnotnull AND NOT whole.attnotnull
                       OR pg_get_expr(own.adbin, own.adrelid) <> coalesce(pg_get_expr(d.adbin, d.adrelid), '')))
    OR EXISTS (SELECT FROM pg_depend AS d
                WHERE d.deptype = 'n' AND d.classid = 'pg_proc'::regclass
                  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = leaf.oid
                       OR d.refclassid = 'pg_type'::regclass AND d.refobjid = leaf.reltype))
