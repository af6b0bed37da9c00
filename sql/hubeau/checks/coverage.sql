-- Themes that have rows on fewer of their days than the threshold `coverage` of the dataset asks for. Their days are those
-- from the first to the last one with rows: what has never been loaded is told by dwh coverage. With --from and --to the
-- days are those of the interval.
WITH days AS (
  SELECT theme, count(DISTINCT day) AS days_with_rows, min(day) AS first_day, max(day) AS last_day
    FROM :target
   WHERE ts >= :from AND ts < :to
   GROUP BY theme
), spans AS (
  SELECT theme,
         days_with_rows,
         CASE WHEN isfinite(:from_date) THEN :from_date ELSE first_day END AS first_day,
         CASE WHEN isfinite(:to_date) THEN least(:to_date - 1, current_date) ELSE last_day END AS last_day
    FROM days
)
SELECT theme,
       first_day,
       last_day,
       days_with_rows,
       last_day - first_day + 1 AS days,
       round(100.0 * days_with_rows / (last_day - first_day + 1), 1) AS percent
  FROM spans
 WHERE days_with_rows < :coverage * (last_day - first_day + 1)
 ORDER BY theme;
