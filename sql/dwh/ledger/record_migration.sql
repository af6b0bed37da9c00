-- Records the hashes of a migration in the transaction that applies it.
-- $1 folder, $2 name, $3 hash of the file, $4 hash of the SQL, $5 version, $6 milliseconds
-- Locks: ROW EXCLUSIVE on dwh.migration_checksums.
INSERT INTO dwh.migration_checksums (folder, name, file_sha256, sql_sha256, version, milliseconds)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::integer)
