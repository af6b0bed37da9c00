-- The materialized views that read a table directly, or through another of them: they cannot be bound to another table
-- and are rebuilt. In the order in which they can be built.
-- $1 oid of the table
-- Locks: ACCESS SHARE on each while its definition is read.
WITH RECURSIVE above (oid, level) AS (
  SELECT $1::bigint::oid, 0
   UNION
  SELECT m.oid, a.level + 1
    FROM above AS a
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite AS r ON r.oid = d.objid
    JOIN pg_class AS m ON m.oid = r.ev_class AND m.relkind = 'm'
)
SELECT m.oid::bigint AS oid,
       n.nspname::text AS schema,
       m.relname::text AS name,
       m.oid::regclass::text AS printed,
       rtrim(pg_get_viewdef(m.oid), ';') AS definition,
       m.relispopulated AS populated,
       m.reloptions AS options,
       t.spcname::text AS tablespace,
       (SELECT coalesce(json_agg(json_build_object(
                          'name', i.relname,
                          'unique', x.indisunique,
                          'tail', substr(pg_get_indexdef(i.oid),
                                         1 + length(format('CREATE %sINDEX %I ON %I.%I USING ',
                                                           CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
                                                           i.relname, n.nspname, m.relname))),
                          'comment', obj_description(i.oid, 'pg_class')) ORDER BY i.relname), '[]')
          FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
         WHERE x.indrelid = m.oid AND x.indisvalid) AS indexes,
       (SELECT coalesce(json_object_agg(a.attname, col_description(m.oid, a.attnum)), '{}')
          FROM pg_attribute AS a
         WHERE a.attrelid = m.oid AND a.attnum > 0 AND col_description(m.oid, a.attnum) IS NOT NULL) AS column_comments
  FROM (SELECT oid, max(level) AS level FROM above WHERE level > 0 GROUP BY oid) AS a
  JOIN pg_class AS m ON m.oid = a.oid
  JOIN pg_namespace AS n ON n.oid = m.relnamespace
  LEFT JOIN pg_tablespace AS t ON t.oid = m.reltablespace
 ORDER BY a.level, 2, 3
