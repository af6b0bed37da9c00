-- Loads that a restore has taken away and that were not made again, or that one would take away; of each content the last
-- attempt, with the words of its run.
-- $1 when the backup was taken that is to be restored; NULL: what was restored
-- Locks: ACCESS SHARE on dwh.loads, dwh.runs.
SELECT DISTINCT ON (l.schema_name, l.table_name, l.bytes, l.sha256, l.mapping)
       l.load, l.dataset, l.input,
       -- A restored ledger may be older than this column.
       to_jsonb(l) ->> 'place' AS place,
       l.reading, l.bytes, l.sha256, l.strategy, r.words
  FROM dwh.loads AS l
  LEFT JOIN dwh.runs AS r ON r.run = l.run
 WHERE CASE
         WHEN $1::timestamptz IS NOT NULL THEN l.superseded_by IS NULL AND l.finished_at > $1::timestamptz
         ELSE l.error_code = 'RESTORED_AWAY'
          AND NOT EXISTS (SELECT FROM dwh.loads AS t
                           WHERE t.schema_name = l.schema_name AND t.table_name = l.table_name AND t.bytes = l.bytes
                             AND t.sha256 = l.sha256 AND t.finished_at IS NOT NULL AND t.superseded_by IS NULL)
       END
 ORDER BY l.schema_name, l.table_name, l.bytes, l.sha256, l.mapping, l.load DESC
