-- Days on which a theme has less than half of the rows that its middle day has: a station network that fell silent, a page
-- that was lost. Days without any row are told by coverage.sql.
WITH days AS (
  SELECT theme, day, count(*) AS rows, count(DISTINCT station_code) AS stations
    FROM :target
   WHERE ts >= :from AND ts < :to
   GROUP BY theme, day
), usual AS (
  SELECT theme, percentile_disc(0.5) WITHIN GROUP (ORDER BY rows) AS usual_rows FROM days GROUP BY theme
)
SELECT day, theme, rows, usual_rows, stations
  FROM days
  JOIN usual USING (theme)
 WHERE rows < usual_rows * 0.5
 ORDER BY day DESC, theme;
