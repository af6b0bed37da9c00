-- What is left to do of a backfill: chunks that nobody has claimed and may be now, those that wait, and those that are claimed.
-- $1 backfill, $2 run of the worker
-- Locks: ACCESS SHARE on the ledger.
SELECT b.wanted, b.parallel, b.settings,
       count(c.chunk) AS chunks,
       count(c.chunk) FILTER (WHERE c.ended_at IS NULL) AS open,
       count(c.chunk) FILTER (WHERE c.ended_at IS NULL AND c.worker = $2::bigint) AS mine,
       count(c.chunk) FILTER (WHERE c.ended_at IS NULL AND c.worker <> $2::bigint) AS others,
       count(c.chunk) FILTER (WHERE c.outcome IN ('failed', 'quarantined')) AS short
  FROM dwh.backfills AS b
  LEFT JOIN dwh.chunks AS c USING (backfill)
 WHERE b.backfill = $1::bigint
 GROUP BY b.backfill
