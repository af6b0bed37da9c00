-- Rows that the same period of other years has brought: current chunks of the same dataset, source and parameters whose windows
-- begin and end within three days of the same days of another year. The nearest years come first.
-- $1 warehouse, $2 dataset, $3 source, $4 parameters, $5 first day, $6 day after the last
-- Locks: ACCESS SHARE on the ledger.
SELECT extract(year FROM c.window_from)::integer AS year,
       sum((c.figures->>'inserted')::bigint + (c.figures->>'updated')::bigint + (c.figures->>'unchanged')::bigint
           + (c.figures->>'moved')::bigint)::bigint AS rows
  FROM dwh.chunks AS c,
       LATERAL (SELECT make_interval(years => extract(year FROM $5::date)::integer - extract(year FROM c.window_from)::integer) AS years) AS apart
 WHERE c.warehouse = $1::text AND c.dataset = $2::text AND c.source = $3::text AND c.parameters = $4::jsonb
   AND c.outcome IN ('done', 'flagged') AND c.superseded_by IS NULL AND c.undone_at IS NULL
   AND extract(year FROM c.window_from) <> extract(year FROM $5::date)
   AND abs((c.window_from + apart.years)::date - $5::date) <= 3
   AND abs((c.window_to - c.window_from) - ($6::date - $5::date)) <= ($6::date - $5::date) / 10
 GROUP BY 1
 ORDER BY abs(extract(year FROM c.window_from)::integer - extract(year FROM $5::date)::integer), 1
 LIMIT 3
