-- The chunks of some backfills that are told one by one: all that are claimed, and of each other state that is worth a word
-- the newest.
-- $1 backfills, $2 how many of a state, $3 for each backfill its grain
-- Locks: ACCESS SHARE on the ledger.
SELECT *
  FROM (SELECT c.chunk, c.backfill, c.place, c.dataset, c.source,
               c.window_from::text AS window_from,
               c.window_to::text AS window_to,
               to_char(date_trunc(g.grain, c.window_from),
                       CASE g.grain WHEN 'year' THEN 'YYYY' WHEN 'month' THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END) AS period,
               coalesce(c.window_to - c.window_from, 1) AS days,
               c.parameters, c.attempts, c.worker, c.claimed_at, c.retry_at, c.progress, c.progressed_at, c.ended_at,
               coalesce(c.outcome, c.state) AS state,
               c.error_code,
               left(regexp_replace(c.error, '\s+', ' ', 'g'), 300) AS error,
               c.gates,
               row_number() OVER (PARTITION BY c.backfill, coalesce(c.outcome, c.state)
                                      ORDER BY c.ended_at DESC, c.retry_at, c.place) AS nth
          FROM unnest($1::bigint[], $3::text[]) AS g (backfill, grain)
          JOIN dwh.chunk_states AS c ON c.backfill = g.backfill
         WHERE c.ended_at IS NULL AND (c.worker IS NOT NULL OR c.retry_at IS NOT NULL)
            OR c.outcome IN ('failed', 'quarantined', 'flagged')) AS noted
 WHERE state = 'running' OR nth <= $2::integer
 ORDER BY place
