-- The oid of what bears a name, or NULL.
-- $1 quoted name
-- Locks: none.
SELECT to_regclass($1::text)::oid::bigint AS oid
