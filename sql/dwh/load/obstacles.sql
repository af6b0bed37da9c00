-- What rows of a table would miss that come by ATTACH and not by INSERT, and what may change or swallow those that come by
-- INSERT: triggers and rules of the user, on the table or on one of its leaves. Those of seals are none: they concern nobody
-- but who writes into that leaf.
-- $1 oid of the table
-- Locks: none.
SELECT format('trigger %s', t.tgname) AS obstacle
  FROM pg_trigger AS t
 WHERE (t.tgrelid = $1::bigint::oid OR t.tgrelid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = $1::bigint::oid))
   AND t.tgparentid = 0 AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 = 4
   AND NOT EXISTS (SELECT FROM pg_proc AS p
                     JOIN pg_namespace AS n ON n.oid = p.pronamespace
                    WHERE p.oid = t.tgfoid AND n.nspname = 'dwh' AND p.proname = 'refuse_sealed')
UNION ALL
SELECT format('rule %s', r.rulename)
  FROM pg_rewrite AS r
 WHERE r.ev_class = $1::bigint::oid AND r.ev_type = '3'
 ORDER BY 1
