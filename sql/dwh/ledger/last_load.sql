-- The last load that was begun.
-- Locks: none.
SELECT max(load) AS last_load FROM dwh.loads
