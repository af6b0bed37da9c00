-- Every migration that is applied, of every folder.
-- Locks: none.
SELECT folder, name, file_sha256 AS sha256 FROM dwh.migration_checksums ORDER BY applied_at, folder, name
