-- Tables that keep rows of windows beside their datasets, for dwh backfill undo and accept; a table of such a name that the ledger does
-- not know has no backfill.
-- Locks: ACCESS SHARE on the ledger.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       k.backfill,
       k.kind,
       (extract(epoch FROM clock_timestamp() - g.made_at) / 86400)::float8 AS days,
       pg_total_relation_size(c.oid)::float8 AS bytes
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN dwh.generations AS g ON g.gone_at IS NULL AND to_regclass(g.table_name) = c.oid
  LEFT JOIN LATERAL (SELECT w.backfill, g.kind FROM dwh.chunks AS w WHERE w.chunk = g.chunk) AS k ON true
 WHERE c.relkind IN ('r', 'p')
   AND NOT c.relispartition
   AND c.relname LIKE 'dwh\_chunk\_%'
   AND n.nspname !~ '^pg_'
 ORDER BY k.backfill, n.nspname, c.relname
