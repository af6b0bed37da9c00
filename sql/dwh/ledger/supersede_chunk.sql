-- The chunk that counts for a window gives way to a later one of the same, in the transaction that ends that.
-- $1 later chunk
-- Locks: ROW EXCLUSIVE on dwh.chunks.
UPDATE dwh.chunks AS c
   SET superseded_by = l.chunk
  FROM dwh.chunks AS l
 WHERE l.chunk = $1::bigint AND c.chunk <> l.chunk
   AND c.warehouse = l.warehouse AND c.dataset = l.dataset AND c.source = l.source AND c.parameters = l.parameters
   AND coalesce(c.window_from, '-infinity') = coalesce(l.window_from, '-infinity')
   AND coalesce(c.window_to, 'infinity') = coalesce(l.window_to, 'infinity')
   AND c.outcome IN ('done', 'flagged') AND c.superseded_by IS NULL AND c.undone_at IS NULL
RETURNING c.chunk
