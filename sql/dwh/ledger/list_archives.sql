-- The leaves of a table that lie in files, the oldest first.
-- $1 parent, quoted, with its schema
-- Locks: ACCESS SHARE on dwh.archives.
SELECT archive, dataset, parent, leaf, aside, bounds, format, folder, sha256, bytes, row_count, hash_1::text AS hash_1,
       hash_2::text AS hash_2, algorithm, written_at, proved_at, detached_at, keep_until, dropped_at,
       coalesce(keep_until <= clock_timestamp(), false) AS is_due
  FROM dwh.archives
 WHERE parent = $1::text AND thawed_at IS NULL
 ORDER BY archive
