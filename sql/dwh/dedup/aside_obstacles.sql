-- Why a table cannot take the rows of another and keep them as they are, in plain words; no row where it can.
-- $1 oid of the table that gives, $2 oid of the one that takes
-- Locks: none.
SELECT obstacle
  FROM pg_class AS c
 CROSS JOIN LATERAL (
         SELECT 1 AS n, 'it is no plain table' AS obstacle WHERE c.relkind <> 'r'
          UNION ALL
         SELECT 2, 'it is unlogged or temporary: a crash would empty it' WHERE c.relpersistence <> 'p'
          UNION ALL
         SELECT 3, 'it lacks ' || string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
           FROM pg_attribute AS a
          WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
            AND NOT EXISTS (SELECT FROM pg_attribute AS b
                             WHERE b.attrelid = c.oid AND b.attname = a.attname AND NOT b.attisdropped
                               AND b.atttypid = a.atttypid AND b.atttypmod = a.atttypmod AND b.attgenerated = '')
         HAVING count(*) > 0
          UNION ALL
         SELECT 4, 'it demands values for ' || string_agg(b.attname, ', ' ORDER BY b.attnum)
           FROM pg_attribute AS b
          WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped AND b.attnotnull AND NOT b.atthasdef AND b.attidentity = ''
            AND NOT EXISTS (SELECT FROM pg_attribute AS a
                             WHERE a.attrelid = $1::bigint::oid AND a.attname = b.attname AND NOT a.attisdropped AND a.attnotnull)
         HAVING count(*) > 0
          UNION ALL
         -- What fires after a row was moved is seen by no proof.
         SELECT 5, 'it has triggers: ' || string_agg(t.tgname, ', ' ORDER BY t.tgname)
           FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
         HAVING count(*) > 0
          UNION ALL
         SELECT 6, 'it has rules: ' || string_agg(r.rulename, ', ' ORDER BY r.rulename)
           FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND c.relkind = 'r'
         HAVING count(*) > 0
          UNION ALL
         SELECT 7, format('%s may not write to it and read it', current_user)
          WHERE NOT (has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'SELECT'))) AS found
 WHERE c.oid = $2::bigint::oid
 ORDER BY n
