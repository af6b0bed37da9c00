-- The seals that are to hold: those of the ledger that nobody has taken off, and those of which only triggers are left. Each
-- with what the catalogue said when it was set (`kept`, NULL where the ledger does not know it) and what it says now (NULL
-- where there is no such table any more). Tables of the catalogue only, and none of its functions that look names up: in a
-- transaction on one snapshot the answer is of that snapshot, as the rows are. Joins rather than subqueries for each leaf:
-- of thousands of leaves these look so costly that they would be compiled.
-- $1 oids of leaves; NULL for all
-- Locks: ACCESS SHARE on dwh.seals.
WITH RECURSIVE refusal AS (
  SELECT p.oid, jsonb_build_array(p.oid::bigint, p.xmin::text) AS evidence
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname = 'dwh' AND p.proname = 'refuse_sealed' AND p.pronargs = 0
), held AS (
  SELECT s.*, s.seal::text AS id
    FROM dwh.seals AS s
   WHERE s.unsealed_at IS NULL
     AND ($1::bigint[] IS NULL
          OR s.leaf_oid = ANY ($1::bigint[]::oid[])
          OR s.seal::text IN (SELECT split_part(encode(t.tgargs, 'escape'), '\000', 2)
                                FROM pg_trigger AS t WHERE t.tgrelid = ANY ($1::bigint[]::oid[]))
          OR (s.leaf_schema, s.leaf_name) IN (SELECT n.nspname, c.relname
                                                FROM pg_class AS c
                                                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                                               WHERE c.oid = ANY ($1::bigint[]::oid[])))
), guarded AS (
  -- The arguments of a trigger end in a zero byte each; one that somebody has changed may have none.
  SELECT t.tgrelid AS leaf,
         max(split_part(encode(t.tgargs, 'escape'), '\000', 1)) AS dataset,
         max(split_part(encode(t.tgargs, 'escape'), '\000', 2)) AS seal,
         jsonb_object_agg(t.tgname, jsonb_build_array(t.oid::bigint, t.xmin::text, t.tgenabled::text)) AS triggers
    FROM pg_trigger AS t
    JOIN refusal ON refusal.oid = t.tgfoid
   WHERE $1::bigint[] IS NULL OR t.tgrelid = ANY ($1::bigint[]::oid[]) OR t.tgrelid IN (SELECT s.leaf_oid FROM held AS s)
   GROUP BY t.tgrelid
), found AS MATERIALIZED (
  SELECT coalesce(s.id, g.seal) AS seal,
         coalesce(s.dataset, g.dataset) AS dataset,
         s.schema_name,
         s.table_name,
         s.leaf_schema,
         s.leaf_name,
         s.sealed_at,
         s.evidence AS kept,
         coalesce(g.triggers, '{}') AS triggers,
         -- A database that was restored has other oids: the name comes before them, and the triggers before the name.
         coalesce(g.leaf, named.oid, s.leaf_oid) AS leaf
    FROM held AS s
    FULL JOIN guarded AS g ON g.seal = s.id
    LEFT JOIN (pg_class AS named JOIN pg_namespace AS home ON home.oid = named.relnamespace)
      ON home.nspname = s.leaf_schema AND named.relname = s.leaf_name
), attribute AS MATERIALIZED (
  SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attgenerated
    FROM pg_attribute AS a
   WHERE a.attnum > 0 AND NOT a.attisdropped
     AND a.attrelid IN (SELECT f.leaf FROM found AS f)
     AND ($1::bigint[] IS NULL OR a.attrelid = ANY ($1::bigint[]::oid[]))
), columns AS (
  -- The values of a generated column may be made by another expression without a rewrite.
  SELECT a.attrelid AS leaf,
         jsonb_agg(jsonb_build_array(a.attname, a.attnum, a.atttypid::bigint, a.atttypmod, d.oid::bigint, d.xmin::text)
                   ORDER BY a.attnum) AS columns
    FROM attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated <> ''
   GROUP BY a.attrelid
), used (column_type, type) AS (
  -- Types of the user, with the types that they are made of.
  SELECT a.atttypid, a.atttypid FROM attribute AS a WHERE a.atttypid >= 16384 GROUP BY a.atttypid
   UNION
  SELECT used.column_type, part.type
    FROM used
    JOIN pg_type AS t ON t.oid = used.type
   CROSS JOIN LATERAL (SELECT t.typelem UNION ALL SELECT t.typbasetype
                        UNION ALL SELECT a.atttypid FROM pg_attribute AS a
                                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                        UNION ALL SELECT r.rngsubtype FROM pg_range AS r
                                   WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) AS part (type)
   WHERE part.type >= 16384
), labels AS (
  -- A label that is renamed changes what is read of rows that nobody has touched.
  SELECT a.attrelid AS leaf, jsonb_object_agg(e.oid::text, e.enumlabel) AS labels
    FROM attribute AS a
    JOIN used ON used.column_type = a.atttypid
    JOIN pg_enum AS e ON e.enumtypid = used.type
   GROUP BY a.attrelid
)
SELECT f.seal,
       f.dataset,
       f.schema_name,
       f.table_name,
       f.leaf::bigint AS leaf,
       coalesce(n.nspname::text, f.leaf_schema) AS leaf_schema,
       coalesce(c.relname::text, f.leaf_name) AS leaf_name,
       f.sealed_at,
       f.kept,
       CASE WHEN c.oid IS NOT NULL THEN jsonb_build_object(
         'name', jsonb_build_array(n.nspname, c.relname),
         'file', c.relfilenode::bigint,
         'function', (SELECT r.evidence FROM refusal AS r),
         'triggers', f.triggers,
         'parent', CASE WHEN i.inhrelid IS NOT NULL THEN jsonb_build_array(i.inhparent::bigint, i.xmin::text, i.inhdetachpending) END,
         'columns', coalesce(k.columns, '[]'),
         'labels', coalesce(l.labels, '{}')) END AS now
  FROM found AS f
  LEFT JOIN pg_class AS c ON c.oid = f.leaf AND c.relkind = 'r'
  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits AS i ON i.inhrelid = f.leaf AND i.inhseqno = 1
  LEFT JOIN columns AS k ON k.leaf = f.leaf
  LEFT JOIN labels AS l ON l.leaf = f.leaf
 WHERE $1::bigint[] IS NULL OR f.leaf = ANY ($1::bigint[]::oid[])
 ORDER BY leaf_schema, leaf_name, f.sealed_at
