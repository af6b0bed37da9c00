-- What was loaded, and how good it is, under the names that reports know. All of it follows from the ledger and from the
-- features, so these are views: nothing has to be kept in step.

-- Up Migration

CREATE VIEW public.dataset_versions AS
SELECT c.dataset AS dataset_name,
       row_number() OVER (PARTITION BY c.dataset, c.source, c.window_from, c.window_to, c.parameters ORDER BY c.ended_at, c.chunk) AS version,
       c.window_from                              AS start_date,
       c.window_to - 1                            AS end_date,
       coalesce((c.proof ->> 'rows')::bigint,
                (c.figures ->> 'records')::bigint) AS record_count,
       c.source,
       c.outcome,
       c.fingerprint,
       c.superseded_by IS NULL AND c.undone_at IS NULL AS is_current,
       c.ended_at                                 AS created_at
  FROM dwh.chunks AS c
 WHERE c.warehouse = 'weatherinsight'
   AND c.outcome IN ('done', 'flagged');
COMMENT ON VIEW public.dataset_versions IS 'Each time a window of a dataset was backfilled; end_date is its last day.';

CREATE VIEW public.data_quality_results AS
SELECT r.result     AS id,
       r.checked_at AS check_timestamp,
       r.dataset    AS dataset_name,
       r.check_name,
       CASE r.state WHEN 'passed' THEN 'PASS' WHEN 'warned' THEN 'WARN' ELSE 'FAIL' END AS status,
       upper(r.severity) AS severity,
       r.row_count  AS issue_count,
       r.threshold,
       r.sample     AS details,
       r.error
  FROM dwh.check_results AS r
 WHERE r.warehouse = 'weatherinsight';
COMMENT ON VIEW public.data_quality_results IS 'What dwh check has found, each check of each run.';

CREATE VIEW public.quarterly_coverage AS
SELECT f.product, f.year, f.quarter, count(*) AS stations, count(*) FILTER (WHERE f.coverage < 0.95) AS thin_stations, avg(f.coverage) AS coverage
  FROM (SELECT 'air_temperature' AS product, year, quarter, coverage FROM public.quarterly_temperature_features
        UNION ALL SELECT 'precipitation', year, quarter, coverage FROM public.quarterly_precipitation_features
        UNION ALL SELECT 'wind', year, quarter, coverage FROM public.quarterly_wind_features
        UNION ALL SELECT 'pressure', year, quarter, coverage FROM public.quarterly_pressure_features
        UNION ALL SELECT 'humidity', year, quarter, coverage FROM public.quarterly_humidity_features
        UNION ALL SELECT 'cloud_cover', year, quarter, coverage FROM public.quarterly_cloud_cover_features) AS f
 GROUP BY f.product, f.year, f.quarter;
COMMENT ON VIEW   public.quarterly_coverage               IS 'Stations with features, by product and quarter.';
COMMENT ON COLUMN public.quarterly_coverage.thin_stations IS 'Those with less than 95 % of the hours.';

CREATE VIEW public.data_quality_issues AS
WITH quarters AS (
  SELECT DISTINCT year, quarter FROM public.quarterly_coverage
), products (product) AS (
  VALUES ('air_temperature'), ('precipitation'), ('wind'), ('pressure'), ('humidity'), ('cloud_cover')
), issues AS (
  SELECT q.year, q.quarter, p.product, 'MISSING' AS issue_type, 1::bigint AS issue_count, 'HIGH' AS severity
    FROM quarters AS q CROSS JOIN products AS p
   WHERE NOT EXISTS (SELECT FROM public.quarterly_coverage AS c
                      WHERE (c.product, c.year, c.quarter) = (p.product, q.year, q.quarter))
  UNION ALL
  SELECT year, quarter, product, 'THIN', thin_stations, CASE WHEN thin_stations > stations * 0.2 THEN 'HIGH' ELSE 'LOW' END
    FROM public.quarterly_coverage WHERE thin_stations > 0
  UNION ALL
  -- Both come from one file of each station.
  SELECT t.year, t.quarter, 'humidity', 'MISMATCH', abs(t.stations - h.stations), 'HIGH'
    FROM public.quarterly_coverage AS t
    JOIN public.quarterly_coverage AS h ON h.product = 'humidity' AND (h.year, h.quarter) = (t.year, t.quarter)
   WHERE t.product = 'air_temperature' AND abs(t.stations - h.stations) > 10
)
SELECT * FROM issues;
COMMENT ON VIEW public.data_quality_issues IS 'What is missing, thin or out of step in the features as they are now.';

-- Down Migration

DROP VIEW public.data_quality_issues, public.quarterly_coverage, public.data_quality_results, public.dataset_versions;
