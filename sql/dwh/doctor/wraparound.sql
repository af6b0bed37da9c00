-- The tables that were frozen longest ago: transactions since, and multixacts. Beyond two billion the server takes no more
-- writes; autovacuum begins to freeze at `freeze_age`.
-- $1 transactions, or NULL for twice what autovacuum lets come together
-- Locks: none.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       greatest(age(c.relfrozenxid), coalesce(age(t.relfrozenxid), 0)) AS transactions,
       greatest(mxid_age(c.relminmxid), coalesce(mxid_age(t.relminmxid), 0)) AS multixacts
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
 WHERE c.relkind IN ('r', 'm')
   AND c.relpersistence <> 't'
   AND (greatest(age(c.relfrozenxid), age(t.relfrozenxid)) >
          coalesce($1::integer, least(2 * current_setting('autovacuum_freeze_max_age')::bigint, 1500000000))
        OR greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)) >
          least(2 * current_setting('autovacuum_multixact_freeze_max_age')::bigint, 1500000000))
 ORDER BY 3 DESC
