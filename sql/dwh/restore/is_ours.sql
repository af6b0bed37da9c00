-- Whether a database was begun by a restore: it has our schema, or nothing at all.
-- $1 name of the schema
-- Locks: none.
SELECT to_regnamespace($1::text) IS NOT NULL
    OR NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE c.oid >= 16384 AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema') AS is_ours
