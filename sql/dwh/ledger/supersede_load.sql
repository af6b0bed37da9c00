-- Makes room for a second load of the same content, in its last transaction and before it is finished.
-- $1 the new load
-- Locks: ROW EXCLUSIVE on dwh.loads.
UPDATE dwh.loads AS earlier
   SET superseded_by = l.load
  FROM dwh.loads AS l
 WHERE l.load = $1::bigint AND earlier.load <> l.load
   AND earlier.schema_name = l.schema_name AND earlier.table_name = l.table_name
   AND earlier.bytes = l.bytes AND earlier.sha256 = l.sha256 AND earlier.mapping = l.mapping
   AND earlier.finished_at IS NOT NULL AND earlier.superseded_by IS NULL
RETURNING earlier.load
