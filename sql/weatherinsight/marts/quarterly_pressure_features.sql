-- Pressure by station and quarter, from the hours of every quarter that the window touches: a station
-- without a single value in a quarter has no row for it.

WITH hours AS (
  SELECT station_id,
         date_trunc('quarter', measured_at AT TIME ZONE 'UTC') AS begins,
         (measured_at AT TIME ZONE 'UTC')::date AS day,
         pressure_sea_level,
         pressure_station
    FROM public.hourly_pressure
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND coalesce(pressure_sea_level, pressure_station) IS NOT NULL
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       count(*)::integer AS hours_observed,
       round(count(*) / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       round(avg(pressure_sea_level)::numeric, 2)::float8 AS mean_pressure_sea_level,
       round(min(pressure_sea_level)::numeric, 2)::float8 AS min_pressure_sea_level,
       round(max(pressure_sea_level)::numeric, 2)::float8 AS max_pressure_sea_level,
       round(stddev_samp(pressure_sea_level)::numeric, 2)::float8 AS stddev_pressure_sea_level,
       round(avg(pressure_station)::numeric, 2)::float8 AS mean_pressure_station
  FROM hours
 GROUP BY station_id, begins
