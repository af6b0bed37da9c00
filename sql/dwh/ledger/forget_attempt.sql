-- Forgets what an attempt has made so far, for its input is read once more: its rejects, and its tables, which are returned
-- to be dropped in the same transaction.
-- $1 load
-- Locks: ROW EXCLUSIVE on dwh.loads and dwh.rejects.
WITH attempt AS (
  SELECT load, landing FROM dwh.loads WHERE load = $1::bigint AND finished_at IS NULL AND failed_at IS NULL FOR UPDATE
), rejects AS (
  DELETE FROM dwh.rejects AS r USING attempt AS a WHERE r.load = a.load
)
UPDATE dwh.loads AS l SET landing = '{}' FROM attempt AS a WHERE l.load = a.load RETURNING a.landing
