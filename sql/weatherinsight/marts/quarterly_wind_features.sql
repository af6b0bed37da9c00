-- Wind by station and quarter, from the hours of every quarter that the window touches: a station without a single value in a
-- quarter has no row for it.

WITH hours AS (
  SELECT station_id,
         date_trunc('quarter', measured_at AT TIME ZONE 'UTC') AS begins,
         wind_speed,
         wind_speed * sind(wind_direction) AS eastward,
         wind_speed * cosd(wind_direction) AS northward
    FROM public.hourly_wind
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND wind_speed IS NOT NULL
), quarters AS (
  SELECT station_id,
         begins,
         count(*) AS hours_observed,
         round(avg(wind_speed)::numeric, 2)::float8         AS mean_wind_speed,
         round(max(wind_speed)::numeric, 2)::float8         AS max_wind_speed,
         round(stddev_samp(wind_speed)::numeric, 2)::float8 AS stddev_wind_speed,
         count(*) FILTER (WHERE wind_speed < 0.5)::integer   AS calm_hours,
         count(*) FILTER (WHERE wind_speed >= 17.2)::integer AS storm_hours,
         -- In float8 a sum of vectors that cancel out is not quite zero.
         round(sum(eastward)::numeric, 3)  AS eastward,
         round(sum(northward)::numeric, 3) AS northward
    FROM hours
   GROUP BY station_id, begins
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       hours_observed::integer AS hours_observed,
       round(hours_observed / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       mean_wind_speed,
       max_wind_speed,
       stddev_wind_speed,
       calm_hours,
       storm_hours,
       CASE WHEN eastward <> 0 OR northward <> 0
            THEN mod(round(atan2d(eastward::float8, northward::float8)::numeric, 1) + 360, 360)::float8
       END AS prevailing_direction
  FROM quarters
