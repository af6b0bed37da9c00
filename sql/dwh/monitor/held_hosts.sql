-- The hosts that have said that nobody shall ask yet.
-- Locks: ACCESS SHARE on dwh.hosts.
SELECT host, held_until AS until, coalesce(held_why, '') AS reason
  FROM dwh.hosts
 WHERE held_until > clock_timestamp()
 ORDER BY held_until DESC
