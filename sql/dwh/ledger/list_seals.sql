-- The seals that are to hold: those of the ledger that nobody has taken off, and those of which only triggers are left. Each
-- with what the catalogue said when it was set (`kept`, NULL where the ledger does not know it) and what it says now (NULL
-- where there is no such table any more). Tables of the catalogue only, and none of its functions that look names up: in a
-- transaction on one snapshot the answer is of that snapshot, as the rows are.
-- $1 oids of leaves; NULL for all
-- Locks: ACCESS SHARE on dwh.seals.
WITH refusal AS (
  SELECT p.oid, p.xmin AS written
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname = 'dwh' AND p.proname = 'refuse_sealed' AND p.pronargs = 0
), guarded AS (
  -- The arguments of a trigger end in a zero byte each.
  SELECT t.tgrelid AS leaf,
         min(split_part(encode(t.tgargs, 'escape'), '\000', 1)) AS dataset,
         min(split_part(encode(t.tgargs, 'escape'), '\000', 2)) AS seal
    FROM pg_trigger AS t
    JOIN refusal ON refusal.oid = t.tgfoid
   GROUP BY t.tgrelid
), found AS (
  SELECT coalesce(s.seal::text, g.seal) AS seal,
         coalesce(s.dataset, g.dataset) AS dataset,
         s.schema_name,
         s.table_name,
         s.leaf_schema,
         s.leaf_name,
         s.sealed_at,
         s.evidence AS kept,
         -- A database that was restored has other oids.
         coalesce(g.leaf, same.oid, named.oid, s.leaf_oid) AS leaf
    FROM (SELECT * FROM dwh.seals WHERE unsealed_at IS NULL) AS s
    FULL JOIN guarded AS g ON g.seal = s.seal::text
    LEFT JOIN (pg_class AS named JOIN pg_namespace AS home ON home.oid = named.relnamespace)
      ON home.nspname = s.leaf_schema AND named.relname = s.leaf_name
    LEFT JOIN pg_class AS same ON same.oid = s.leaf_oid AND named.oid IS NULL
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
         'function', (SELECT jsonb_build_array(r.oid::bigint, r.written::text) FROM refusal AS r),
         'triggers', (SELECT coalesce(jsonb_object_agg(t.tgname, jsonb_build_array(t.oid::bigint, t.xmin::text, t.tgenabled::text)), '{}')
                        FROM pg_trigger AS t
                       WHERE t.tgrelid = c.oid AND t.tgname IN ('dwh_sealed', 'dwh_sealed_truncate')),
         'parent', (SELECT jsonb_build_array(i.inhparent::bigint, i.xmin::text, i.inhdetachpending)
                      FROM pg_inherits AS i WHERE i.inhrelid = c.oid),
         -- The values of a generated column may be made by another expression without a rewrite.
         'columns', (SELECT jsonb_agg(jsonb_build_array(a.attname, a.attnum, a.atttypid::bigint, a.atttypmod, d.oid::bigint, d.xmin::text) ORDER BY a.attnum)
                       FROM pg_attribute AS a
                       LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated <> ''
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
         -- A label that is renamed changes what is read of rows that nobody has touched.
         'labels', (WITH RECURSIVE used (type) AS (
                      SELECT a.atttypid
                        FROM pg_attribute AS a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
                       UNION
                      SELECT part.type
                        FROM used
                        JOIN pg_type AS t ON t.oid = used.type
                       CROSS JOIN LATERAL (SELECT t.typelem UNION ALL SELECT t.typbasetype
                                            UNION ALL SELECT a.atttypid FROM pg_attribute AS a
                                                       WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                            UNION ALL SELECT r.rngsubtype FROM pg_range AS r
                                                       WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) AS part (type)
                       WHERE part.type >= 16384)
                    SELECT coalesce(jsonb_object_agg(e.oid::text, e.enumlabel), '{}')
                      FROM pg_enum AS e JOIN used ON used.type = e.enumtypid)) END AS now
  FROM found AS f
  LEFT JOIN pg_class AS c ON c.oid = f.leaf AND c.relkind = 'r'
  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE $1::bigint[] IS NULL OR f.leaf = ANY ($1::bigint[]::oid[])
 ORDER BY leaf_schema, leaf_name, f.sealed_at
