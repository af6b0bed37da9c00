-- Precipitation by station and quarter, from the hours of every quarter that the window touches: a station without a single
-- value in a quarter has no row for it.

WITH days AS (
  SELECT station_id,
         (measured_at AT TIME ZONE 'UTC')::date          AS day,
         count(*)                                        AS hours,
         sum(precipitation::numeric)                     AS total,
         max(precipitation)                              AS most,
         -- As real, 0.1 is a little more than a tenth.
         count(*) FILTER (WHERE precipitation >= 0.05)   AS wet_hours
    FROM public.hourly_precipitation
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND precipitation IS NOT NULL
   GROUP BY 1, 2
), quarters AS (
  SELECT *, date_trunc('quarter', day::timestamp) AS begins
    FROM days
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       sum(hours)::integer AS hours_observed,
       round(sum(hours) / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       sum(total)::float8 AS total_precipitation,
       round(max(most)::numeric, 2)::float8 AS max_hourly_precipitation,
       max(total)::float8 AS max_daily_precipitation,
       sum(wet_hours)::integer AS wet_hours,
       count(*) FILTER (WHERE total >= 1)::integer AS wet_days
  FROM quarters
 GROUP BY station_id, begins
