-- Months in which an origin has less than half of the analyses that its middle month has; the current month is not over.
WITH months AS (
  SELECT origin,
         date_trunc('month', day)::date AS month,
         count(*) AS rows,
         count(DISTINCT station_code) AS stations,
         count(DISTINCT param_code) AS parameters
    FROM :target
   WHERE ts >= :from AND ts < :to
   GROUP BY 1, 2
), usual AS (
  SELECT origin, percentile_disc(0.5) WITHIN GROUP (ORDER BY rows) AS usual_rows FROM months GROUP BY origin
)
SELECT month, origin, rows, usual_rows, stations, parameters
  FROM months
  JOIN usual USING (origin)
 WHERE rows < usual_rows * 0.5 AND month < date_trunc('month', current_date)
 ORDER BY month DESC, origin;
