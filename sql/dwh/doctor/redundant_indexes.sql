-- Indexes that another one makes superfluous: the same columns in the same order, or fewer of them from the left. What a
-- constraint, a foreign key or the replica identity needs stays; so does, of two that are alike, the older one.
-- Locks: ACCESS SHARE on the indexes.
WITH plain AS (
       SELECT x.*, i.relname, i.relkind, n.nspname, t.relname AS table_name, m.amname, k.conname,
              coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
              coalesce(pg_get_expr(x.indexprs, x.indrelid), '') AS expressions,
              coalesce(pg_get_expr(x.indpred, x.indrelid), '') AS predicate,
              x.indkey::text || ' ' AS columns,
              x.indclass::text || ' ' AS classes,
              x.indcollation::text || ' ' AS collations,
              x.indoption::text || ' ' AS options,
              -- Opclass parameters, such as the signature length of a gist index; not what the server keeps there for itself.
              (SELECT string_agg(o.option, ' ' ORDER BY a.attnum, o.option) FROM pg_attribute AS a, unnest(a.attoptions) AS o (option)
                WHERE a.attrelid = i.oid AND o.option NOT LIKE 'pg\_%') AS parameters
         FROM pg_index AS x
         JOIN pg_class AS i ON i.oid = x.indexrelid
         JOIN pg_class AS t ON t.oid = x.indrelid
         JOIN pg_namespace AS n ON n.oid = i.relnamespace
         JOIN pg_am AS m ON m.oid = i.relam
         LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x')
        WHERE x.indisvalid AND x.indisready AND x.indislive
          AND n.nspname !~ '^pg_'
          -- Kept for undo by a conversion, with whatever it had.
          AND t.relname NOT LIKE '%\_before\_setup'),
     pairs AS (
       SELECT a.*, b.relname AS covered_by,
              a.columns = b.columns AND a.indnkeyatts = b.indnkeyatts AND a.expressions = b.expressions AS is_same
         FROM plain AS a
         JOIN plain AS b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.amname = a.amname
                        AND b.predicate = a.predicate AND b.parameters IS NOT DISTINCT FROM a.parameters
                        AND starts_with(b.classes, a.classes) AND starts_with(b.collations, a.collations)
                        AND starts_with(b.options, a.options)
        WHERE a.conname IS NULL AND NOT a.indisreplident
          AND (a.columns = b.columns AND a.indnkeyatts = b.indnkeyatts AND a.expressions = b.expressions
                 AND (NOT a.indisunique OR (b.indisunique AND a.nulls_equal = b.nulls_equal))
                 AND ((b.conname IS NOT NULL) OR (b.indisunique AND NOT a.indisunique) OR b.indisreplident
                      OR b.indexrelid < a.indexrelid)
               OR a.amname = 'btree' AND NOT a.indisunique AND a.indexprs IS NULL
                 AND a.indnatts = a.indnkeyatts AND a.indnkeyatts < b.indnkeyatts AND starts_with(b.columns, a.columns)))
SELECT DISTINCT ON (nspname, relname)
       nspname::text AS schema,
       relname::text AS name,
       table_name::text AS table_name,
       covered_by::text AS covered_by,
       is_same,
       relkind = 'I' AS is_parent
  FROM pairs AS a
 WHERE NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = a.indexrelid)
   AND NOT EXISTS (SELECT FROM pg_constraint AS f WHERE f.conindid = a.indexrelid AND f.contype = 'f')
 ORDER BY nspname, relname, is_same DESC, covered_by
