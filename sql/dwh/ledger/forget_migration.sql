-- Forgets the hashes of a migration in the transaction that takes it back.
-- Locks: ROW EXCLUSIVE on dwh.migration_checksums.
DELETE FROM dwh.migration_checksums WHERE folder = $1::text AND name = $2::text
