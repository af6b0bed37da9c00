-- Loads that have brought rows into a table after another one, oldest first, and the chunk that each was where that counts still:
-- one that was undone, or has given way, answers for nothing.
-- $1 schema, $2 table, $3 moment, for what has no load, $4 load or NULL
-- Locks: ACCESS SHARE on the ledger.
SELECT l.load, l.run, l.input, l.leaves, coalesce(l.moved, 0) + coalesce(l.replaced, 0) > 0 AS takes,
       CASE WHEN c.chunk IS NOT NULL
            THEN json_build_object('chunk', c.chunk, 'backfill', c.backfill, 'dataset', c.dataset, 'source', c.source,
                                   'parameters', c.parameters, 'zone', c.zone, 'window_from', c.window_from, 'window_to', c.window_to,
                                   'inserted', coalesce(l.inserted, 0), 'updated', coalesce(l.updated, 0),
                                   'moved', coalesce(l.moved, 0), 'replaced', coalesce(l.replaced, 0),
                                   'rows', (c.proof->>'rows')::bigint)
       END AS of
  FROM dwh.loads AS l
  LEFT JOIN dwh.chunks AS c
         ON c.load = l.load AND c.outcome IN ('done', 'flagged') AND c.superseded_by IS NULL AND c.undone_at IS NULL
 WHERE l.schema_name = $1::text AND l.table_name = $2::text AND l.load IS DISTINCT FROM $4::bigint
   AND l.finished_at > coalesce((SELECT o.finished_at FROM dwh.loads AS o WHERE o.load = $4::bigint), $3::timestamptz)
 ORDER BY l.finished_at
