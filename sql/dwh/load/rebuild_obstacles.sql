-- What speaks against rows of a table being written anew in other leaves instead of being updated where they are: triggers
-- and rules that an UPDATE or an INSERT fires, and tables whose rows refer to them.
-- $1 oid of the table
-- Locks: none.
SELECT format('trigger %s', t.tgname) AS obstacle
  FROM pg_trigger AS t
 WHERE t.tgrelid = $1::bigint::oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL
SELECT format('rule %s', r.rulename)
  FROM pg_rewrite AS r
 WHERE r.ev_class = $1::bigint::oid
UNION ALL
SELECT format('foreign key %s', k.conname)
  FROM pg_constraint AS k
 WHERE k.contype = 'f' AND k.confrelid = $1::bigint::oid
 ORDER BY 1
