-- The tables that a backup of this scope reads, as pg_dump would choose them: ordinary and partitioned ones, largest first.
-- `is_readable` is whether we may read all of its rows.
-- What belongs to an extension is told with its name: pg_dump takes of it what the extension asks for.
-- $1 schemas, NULL for all; $2 tables, quoted, each with its partitions, NULL for all
-- Locks: none.
WITH named AS (
  SELECT coalesce(t.relid, r.root)::oid AS oid
    FROM unnest($2::text[]) AS w (name)
   CROSS JOIN LATERAL (SELECT to_regclass(w.name) AS root) AS r
    LEFT JOIN LATERAL pg_partition_tree(r.root) AS t ON true
)
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind = 'p' AS is_partitioned,
       CASE WHEN c.relispartition
            THEN jsonb_build_object('schema', pn.nspname, 'name', p.relname, 'bound', pg_get_expr(c.relpartbound, c.oid))
        END AS parent,
       (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid) AS is_readable,
       (SELECT e.extname::text
          FROM pg_depend AS d
          JOIN pg_extension AS e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS extension
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND c.relispartition
  LEFT JOIN pg_class AS p ON p.oid = i.inhparent
  LEFT JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
   AND ($1::text[] IS NULL OR n.nspname = ANY ($1::text[]))
   AND ($2::text[] IS NULL OR c.oid IN (SELECT named.oid FROM named))
 ORDER BY c.relpages DESC, c.oid
