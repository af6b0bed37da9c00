-- How many objects of each kind there are, for a backup to say and a restore to find again. What belongs to the system, to an
-- extension or to another object by itself (the row type of a table) does not count.
-- $1 schemas, NULL for all; $2 tables, quoted, each with its partitions and what hangs on them, NULL for all
-- Locks: none.
WITH schemas AS (
  SELECT n.oid, n.nspname
    FROM pg_namespace AS n
   WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
     AND ($1::text[] IS NULL OR n.nspname = ANY ($1::text[]))
), members AS (
  SELECT d.classid, d.objid FROM pg_depend AS d WHERE d.deptype = 'e'
), named AS (
  SELECT coalesce(t.relid, r.root)::oid AS oid
    FROM unnest($2::text[]) AS w (name)
   CROSS JOIN LATERAL (SELECT to_regclass(w.name) AS root) AS r
    LEFT JOIN LATERAL pg_partition_tree(r.root) AS t ON true
), relations AS (
  SELECT c.oid, c.relkind
    FROM pg_class AS c
    JOIN schemas AS s ON s.oid = c.relnamespace
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
   WHERE c.relpersistence <> 't'
     AND ($2::text[] IS NULL OR coalesce(i.indrelid, c.oid) IN (SELECT named.oid FROM named))
     AND ('pg_class'::regclass, coalesce(i.indrelid, c.oid)) NOT IN (SELECT m.classid, m.objid FROM members AS m)
), counted AS (
  SELECT CASE r.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables' WHEN 'i' THEN 'indexes'
                        WHEN 'I' THEN 'partitioned indexes' WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized views'
                        WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'foreign tables' END AS kind
    FROM relations AS r
   WHERE r.relkind NOT IN ('t', 'c')
   UNION ALL
  SELECT CASE c.contype WHEN 'f' THEN 'foreign keys' WHEN 'c' THEN 'checks' ELSE 'key constraints' END
    FROM pg_constraint AS c
   -- PostgreSQL 18 keeps NOT NULL as constraints too.
   WHERE c.contype IN ('f', 'c', 'p', 'u', 'x') AND c.conrelid IN (SELECT r.oid FROM relations AS r)
   UNION ALL
  SELECT 'triggers'
    FROM pg_trigger AS t
   WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT r.oid FROM relations AS r)
   UNION ALL
  SELECT 'policies' FROM pg_policy AS p WHERE p.polrelid IN (SELECT r.oid FROM relations AS r)
   UNION ALL
  SELECT 'functions'
    FROM pg_proc AS p
    JOIN schemas AS s ON s.oid = p.pronamespace
   WHERE $2::text[] IS NULL AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT m.classid, m.objid FROM members AS m)
   UNION ALL
  SELECT 'types'
    FROM pg_type AS t
    JOIN schemas AS s ON s.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
   WHERE $2::text[] IS NULL AND t.typtype IN ('c', 'd', 'e', 'r') AND coalesce(c.relkind = 'c', true)
     AND ('pg_type'::regclass, t.oid) NOT IN (SELECT m.classid, m.objid FROM members AS m)
   UNION ALL
  SELECT 'schemas' FROM schemas AS s
   WHERE $2::text[] IS NULL AND s.nspname <> 'public'
     AND ('pg_namespace'::regclass, s.oid) NOT IN (SELECT m.classid, m.objid FROM members AS m)
   UNION ALL
  SELECT 'extensions' FROM pg_extension AS e WHERE $1::text[] IS NULL AND $2::text[] IS NULL
   UNION ALL
  SELECT 'large objects' FROM pg_largeobject_metadata WHERE $1::text[] IS NULL AND $2::text[] IS NULL
)
SELECT k.kind, count(*) AS number FROM counted AS k GROUP BY k.kind ORDER BY k.kind
