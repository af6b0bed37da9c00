-- Which of the extensions that upkeep can use are in this database, and where.
-- Locks: none.
SELECT e.extname::text AS name, e.extversion AS version, n.nspname::text AS schema
  FROM pg_extension AS e
  JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname IN ('pgstattuple', 'pg_repack')
