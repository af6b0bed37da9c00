-- Loads that have brought rows into a table after a moment, oldest first, and the chunk that each was.
-- $1 schema, $2 table, $3 moment, $4 load that is none of them or NULL
-- Locks: ACCESS SHARE on the ledger.
SELECT l.load, l.run, l.input, l.leaves, c.chunk, c.backfill, c.window_from::text AS window_from, c.window_to::text AS window_to
  FROM dwh.loads AS l
  LEFT JOIN dwh.chunks AS c ON c.load = l.load
 WHERE l.schema_name = $1::text AND l.table_name = $2::text AND l.finished_at > $3::timestamptz AND l.load IS DISTINCT FROM $4::bigint
 ORDER BY l.finished_at
