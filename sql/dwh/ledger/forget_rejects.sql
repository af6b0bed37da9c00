-- Forgets the refused rows of a load that begins its input again.
-- $1 load
-- Locks: ROW EXCLUSIVE on dwh.rejects.
DELETE FROM dwh.rejects WHERE load = $1::bigint
