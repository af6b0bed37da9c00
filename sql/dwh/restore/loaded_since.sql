-- Loads that have written into a table since a backup of it was taken, with the leaves that they name.
-- $1 schema, $2 table, $3 when the backup was taken
-- Locks: ACCESS SHARE on dwh.loads.
SELECT l.load, l.input, ARRAY(SELECT jsonb_array_elements(l.leaves) ->> 'name') AS leaves
  FROM dwh.loads AS l
 WHERE l.schema_name = $1::text AND l.table_name = $2::text AND l.superseded_by IS NULL
   AND l.finished_at > $3::timestamptz
 ORDER BY l.load
