-- Years that have less than half of the entries of the middle year; the current one is not over.
WITH years AS (
  SELECT extract(year FROM occurred_at AT TIME ZONE :zone)::integer AS year, count(*) AS rows
    FROM :target
   WHERE occurred_at >= :from AND occurred_at < :to
   GROUP BY 1
)
SELECT year, rows, (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY rows) FROM years) AS usual_rows
  FROM years
 WHERE rows * 2 < (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY rows) FROM years)
   AND year < extract(year FROM now() AT TIME ZONE :zone)
 ORDER BY year DESC;
