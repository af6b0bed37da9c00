-- The chunks of some backfills, summed by dataset, source, period and state.
-- $1 backfills, $2 for each its grain: year, month or day
-- Locks: ACCESS SHARE on the ledger.
SELECT s.backfill, s.dataset, s.source, s.schema_name, s.table_name, s.zone,
       to_char(s.start, CASE s.grain WHEN 'year' THEN 'YYYY' WHEN 'month' THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END) AS period,
       s.state, s.chunks, s.days, s.records, s.rejected, s.seconds, s.ended_at
  FROM (SELECT c.backfill, c.dataset, c.source, c.schema_name, c.table_name, g.grain,
               max(c.zone) AS zone,
               date_trunc(g.grain, c.window_from::timestamp) AS start,
               coalesce(c.outcome, c.state) AS state,
               count(*) AS chunks,
               -- What one chunk weighs: the days of its window.
               sum(coalesce(c.window_to - c.window_from, 1)) AS days,
               coalesce(sum((c.figures ->> 'records')::float8), 0) AS records,
               coalesce(sum((c.figures ->> 'rejected')::float8), 0) AS rejected,
               coalesce(sum((c.figures ->> 'seconds')::float8), 0) AS seconds,
               max(c.ended_at) AS ended_at
          FROM unnest($1::bigint[], $2::text[]) AS g (backfill, grain)
          JOIN dwh.chunk_states AS c ON c.backfill = g.backfill
         GROUP BY c.backfill, c.dataset, c.source, c.schema_name, c.table_name, g.grain, start, coalesce(c.outcome, c.state)) AS s
 ORDER BY s.backfill, s.dataset, s.source, s.start
