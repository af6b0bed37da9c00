-- The newest loads that have rejects, with how many are kept and how many of them were replayed.
-- $1 how many at the most, $2 only this dataset or NULL, $3 only this load or NULL
-- Locks: ACCESS SHARE on the ledger.
SELECT l.load, l.run, l.warehouse, l.dataset, l.schema_name, l.table_name, l.input, l.state, l.started_at, l.finished_at,
       l.failed_at, l.error_code, kept.kept, kept.replayed
  FROM (SELECT *
          FROM dwh.load_states AS s
         WHERE ($2::text IS NULL OR s.dataset = $2::text)
           AND ($3::bigint IS NULL OR s.load = $3::bigint)
           AND EXISTS (SELECT FROM dwh.rejects AS r WHERE r.load = s.load)
         ORDER BY s.load DESC
         LIMIT $1::integer) AS l,
       LATERAL (SELECT count(*) AS kept, count(r.replayed_by) AS replayed FROM dwh.rejects AS r WHERE r.load = l.load) AS kept
 ORDER BY l.load DESC
