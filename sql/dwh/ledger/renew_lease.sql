-- Prolongs a lease that is still ours.
-- $1 work, $2 epoch, $3 seconds to live
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases
   SET expires_at = clock_timestamp() + make_interval(secs => $3::float8)
 WHERE work = $1::text AND epoch = $2::bigint AND expires_at IS NOT NULL
RETURNING epoch
