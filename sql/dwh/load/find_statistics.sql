-- Whether extended statistics of a name are there.
-- $1 name, $2 schema
-- Locks: none.
SELECT s.oid::bigint AS oid
  FROM pg_statistic_ext AS s
  JOIN pg_namespace AS n ON n.oid = s.stxnamespace
 WHERE s.stxname = $1::text::name AND n.nspname = $2::text::name
