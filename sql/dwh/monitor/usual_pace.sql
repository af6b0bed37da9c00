-- How fast chunks of some sources have been until now: medians of the newest fifty that brought rows.
-- $1 warehouses, $2 datasets, $3 sources
-- Locks: ACCESS SHARE on dwh.chunks.
SELECT s.warehouse, s.dataset, s.source, count(p.*) AS chunks,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY p.records / p.seconds) AS rate,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY p.seconds / p.days) AS seconds_a_day
  FROM unnest($1::text[], $2::text[], $3::text[]) AS s (warehouse, dataset, source)
 CROSS JOIN LATERAL (
         SELECT (c.figures ->> 'records')::float8 AS records,
                (c.figures ->> 'seconds')::float8 AS seconds,
                coalesce(c.window_to - c.window_from, 1) AS days
           FROM dwh.chunks AS c
          WHERE c.warehouse = s.warehouse AND c.dataset = s.dataset AND c.source = s.source
            AND c.outcome IN ('done', 'flagged')
            AND (c.figures ->> 'seconds')::float8 > 0 AND (c.figures ->> 'records')::float8 > 0
          ORDER BY c.chunk DESC
          LIMIT 50) AS p
 GROUP BY s.warehouse, s.dataset, s.source
