-- Which of some tables are not there.
-- $1 schemas, $2 names of the tables, in the same order
-- Locks: none.
SELECT w.schema_name AS schema, w.table_name AS name
  FROM unnest($1::text[], $2::text[]) AS w (schema_name, table_name)
 WHERE NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = w.schema_name AND c.relname = w.table_name AND c.relkind IN ('r', 'p'))
 ORDER BY 1, 2
