-- The TOAST tables of some tables. Live chunks are counted by the statistics of the server: 0 and unknown after a crash.
-- $1 oids of tables
-- Locks: none.
SELECT c.oid::bigint AS oid, t.oid::bigint AS toast_oid, pg_relation_size(t.oid) AS bytes,
       coalesce(u.n_live_tup, 0) AS live, coalesce(u.n_tup_ins, 0) > 0 OR greatest(u.last_vacuum, u.last_autovacuum) IS NOT NULL AS is_known
  FROM pg_class AS c
  JOIN pg_class AS t ON t.oid = c.reltoastrelid
  LEFT JOIN pg_stat_all_tables AS u ON u.relid = t.oid
 WHERE c.oid = ANY ($1::bigint[]::oid[])
