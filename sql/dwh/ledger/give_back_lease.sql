-- Gives a lease back; nothing happens when it is no longer ours.
-- $1 work, $2 epoch
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases
   SET expires_at = NULL, backend_pids = '{}', backend_starts = '{}'
 WHERE work = $1::text AND epoch = $2::bigint
