-- Relative humidity by station and quarter, from the hours of every quarter that the window touches: a station
-- without a single value in a quarter has no row for it.

WITH hours AS (
  SELECT station_id,
         date_trunc('quarter', measured_at AT TIME ZONE 'UTC') AS begins,
         (measured_at AT TIME ZONE 'UTC')::date AS day,
         relative_humidity
    FROM public.hourly_air_temperature
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND relative_humidity IS NOT NULL
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       count(*)::integer AS hours_observed,
       round(count(*) / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       round(avg(relative_humidity)::numeric, 2)::float8 AS mean_humidity,
       round(min(relative_humidity)::numeric, 2)::float8 AS min_humidity,
       round(max(relative_humidity)::numeric, 2)::float8 AS max_humidity,
       round(stddev_samp(relative_humidity)::numeric, 2)::float8 AS stddev_humidity,
       count(*) FILTER (WHERE relative_humidity >= 95)::integer AS damp_hours
  FROM hours
 GROUP BY station_id, begins
