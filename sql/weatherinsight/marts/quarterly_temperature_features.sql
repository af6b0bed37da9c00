-- Temperature by station and quarter, from the hours of every quarter that the window touches: a station
-- without a single value in a quarter has no row for it.

WITH hours AS (
  SELECT station_id,
         date_trunc('quarter', measured_at AT TIME ZONE 'UTC') AS begins,
         (measured_at AT TIME ZONE 'UTC')::date AS day,
         air_temperature
    FROM public.hourly_air_temperature
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND air_temperature IS NOT NULL
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       count(*)::integer AS hours_observed,
       round(count(*) / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       round(avg(air_temperature)::numeric, 2)::float8 AS mean_temperature,
       round(min(air_temperature)::numeric, 2)::float8 AS min_temperature,
       round(max(air_temperature)::numeric, 2)::float8 AS max_temperature,
       round(stddev_samp(air_temperature)::numeric, 2)::float8 AS stddev_temperature,
       count(*) FILTER (WHERE air_temperature < 0)::integer AS frost_hours,
       count(DISTINCT day) FILTER (WHERE air_temperature < 0)::integer AS frost_days,
       count(DISTINCT day) FILTER (WHERE air_temperature >= 25)::integer AS summer_days
  FROM hours
 GROUP BY station_id, begins
