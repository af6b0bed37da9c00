-- Inside the transaction that commits an effect: is the lease still ours? The row lock keeps it ours until the commit.
-- $1 work, $2 epoch
-- Locks: FOR SHARE on the row of dwh.leases.
SELECT epoch FROM dwh.leases WHERE work = $1::text AND epoch = $2::bigint AND expires_at IS NOT NULL FOR SHARE
