-- The checksums of the applied migrations of a folder.
-- Locks: ACCESS SHARE on dwh.migration_checksums.
SELECT name, file_sha256, sql_sha256, version, milliseconds, applied_at
  FROM dwh.migration_checksums
 WHERE folder = $1::text
