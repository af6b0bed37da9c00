-- Tables that bear the names which only work in progress gives, or what it keeps.
-- Locks: ACCESS SHARE on the tables.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       CASE WHEN c.relname LIKE ANY (ARRAY['%\_dwh\_shadow', '%\_dwh\_places']) THEN 'shadow' WHEN c.relname LIKE '%\_before\_setup' THEN 'before' ELSE 'after' END AS kind,
       c.relkind = 'm' AS is_view
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm')
   AND NOT c.relispartition
   AND c.relname LIKE ANY (ARRAY['%\_dwh\_shadow', '%\_dwh\_places', '%\_before\_setup', '%\_after\_setup'])
   AND n.nspname !~ '^pg_'
 -- What stands on a table goes before it.
 ORDER BY c.relkind = 'm' DESC, n.nspname, c.relname
