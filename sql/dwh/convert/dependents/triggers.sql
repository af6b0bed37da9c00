-- The triggers on a table, in the state they are in. A row trigger with transition tables cannot stand on a partitioned
-- table.
-- $1 oid of the table
-- Locks: none.
SELECT 'trigger' AS kind,
       t.tgname::text AS name,
       concat_ws(' ', pg_get_triggerdef(t.oid), 'state ' || t.tgenabled) AS definition,
       ARRAY[pg_get_triggerdef(t.oid),
             format('ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass,
                    CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END,
                    t.tgname)] AS rebind,
       format('TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS object,
       obj_description(t.oid, 'pg_trigger') AS comment,
       CASE WHEN t.tgtype & 1 = 1 AND coalesce(t.tgoldtable, t.tgnewtable) IS NOT NULL
            THEN 'a row trigger with transition tables cannot stand on a partitioned table' END AS obstacle
  FROM pg_trigger AS t
 WHERE t.tgrelid = $1::bigint::oid AND NOT t.tgisinternal
 ORDER BY t.tgname
