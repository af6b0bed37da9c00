-- The storage parameters of tables that speak of autovacuum.
-- $1 oids of tables
-- Locks: none.
SELECT c.oid::bigint AS oid, o.option_name AS name, o.option_value AS value
  FROM pg_class AS c
 CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
 WHERE c.oid = ANY ($1::bigint[]::oid[])
