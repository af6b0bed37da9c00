-- The oids of tables, by their quoted names; NULL where there is none.
-- $1 names
-- Locks: none.
SELECT w.name, to_regclass(w.name)::oid::bigint AS oid FROM unnest($1::text[]) AS w (name)
