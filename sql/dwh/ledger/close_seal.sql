-- A seal is taken off, or given up; nothing where the ledger does not know it.
-- $1 seal, $2 why it did not hold any more, NULL where it did
-- Locks: ROW EXCLUSIVE on dwh.seals.
UPDATE dwh.seals SET unsealed_at = clock_timestamp(), void_reason = $2::text WHERE seal::text = $1::text AND unsealed_at IS NULL
