-- What was written last by some backfills: a leaf, or a table without leaves.
-- $1 backfills
-- Locks: ACCESS SHARE on dwh.chunks and dwh.loads.
SELECT c.schema_name, c.table_name, l.leaves -> -1 ->> 'name' AS leaf
  FROM dwh.chunks AS c
  JOIN dwh.loads AS l ON l.load = c.load
 WHERE c.backfill = ANY ($1::bigint[])
   AND c.outcome IN ('done', 'flagged')
   AND coalesce((c.figures ->> 'inserted')::float8, 1) > 0
 ORDER BY c.ended_at DESC
 LIMIT 1
