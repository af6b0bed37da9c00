-- The disk that each table takes with its TOAST table and its indexes.
-- $1 oids of the tables
-- Locks: ACCESS SHARE on each index while its files are looked at.
SELECT t.oid, pg_total_relation_size(t.oid::oid) AS bytes
  FROM unnest($1::bigint[]) AS t (oid)
