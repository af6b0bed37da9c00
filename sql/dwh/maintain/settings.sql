-- Settings of the server in their base unit (bytes, milliseconds, numbers) and as people read them, whether a change of each needs
-- a restart, and what this build takes where it is one of a few words.
-- $1 names
-- Locks: none.
SELECT name,
       CASE
         WHEN unit IN ('B', 'kB', '8kB', 'MB') THEN pg_size_bytes(CASE unit WHEN '8kB' THEN setting::bigint * 8 || 'kB' ELSE setting || unit END)::text
         WHEN unit = 's' THEN (setting::bigint * 1000)::text
         WHEN unit = 'min' THEN (setting::bigint * 60000)::text
         -- The budget of autovacuum is that of VACUUM unless it has one of its own.
         WHEN name = 'autovacuum_vacuum_cost_limit' AND setting = '-1' THEN current_setting('vacuum_cost_limit')
         ELSE setting
       END AS value,
       CASE WHEN name = 'autovacuum_vacuum_cost_limit' AND setting = '-1' THEN current_setting('vacuum_cost_limit') ELSE current_setting(name) END AS shown,
       context = 'postmaster' AS needs_restart,
       coalesce(enumvals, '{}') AS choices
  FROM pg_settings
 WHERE name = ANY ($1::text[])
