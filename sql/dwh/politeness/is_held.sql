-- Whether a host has said meanwhile that nobody shall ask it yet.
-- $1 host
-- Locks: ACCESS SHARE on dwh.hosts.
SELECT held_until > clock_timestamp() AS held FROM dwh.hosts WHERE host = $1::text
