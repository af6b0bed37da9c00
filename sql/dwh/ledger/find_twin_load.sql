-- The finished load of the same content as this one.
-- $1 load
-- Locks: ACCESS SHARE on dwh.loads.
SELECT twin.load, twin.run
  FROM dwh.loads AS l
  JOIN dwh.loads AS twin USING (schema_name, table_name, bytes, sha256, mapping)
 WHERE l.load = $1::bigint AND twin.load <> l.load AND twin.finished_at IS NOT NULL AND twin.superseded_by IS NULL
