-- The source that the rows of a load came from, where it was a chunk of a backfill.
-- $1 load
-- Locks: ACCESS SHARE on dwh.chunks.
SELECT source FROM dwh.chunks WHERE load = $1::bigint
