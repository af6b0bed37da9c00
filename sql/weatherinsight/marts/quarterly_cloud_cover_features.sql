-- Clouds by station and quarter, from the hours of every quarter that the window touches: a station
-- without a single value in a quarter has no row for it.

WITH hours AS (
  SELECT station_id,
         date_trunc('quarter', measured_at AT TIME ZONE 'UTC') AS begins,
         (measured_at AT TIME ZONE 'UTC')::date AS day,
         cloud_cover
    FROM public.hourly_cloud_cover
   WHERE measured_at >= date_trunc('quarter', :from::timestamp) AT TIME ZONE 'UTC'
     AND measured_at < (date_trunc('quarter', :to::timestamp - interval '1 day') + interval '3 months') AT TIME ZONE 'UTC'
     AND cloud_cover IS NOT NULL
)
SELECT station_id,
       extract(year FROM begins)::integer AS year,
       extract(quarter FROM begins)::integer AS quarter,
       count(*)::integer AS hours_observed,
       round(count(*) / (extract(epoch FROM begins + interval '3 months' - begins) / 3600), 4)::float8 AS coverage,
       round(avg(cloud_cover) FILTER (WHERE cloud_cover >= 0)::numeric, 2)::float8 AS mean_cloud_cover,
       count(*) FILTER (WHERE cloud_cover BETWEEN 0 AND 1)::integer AS clear_hours,
       count(*) FILTER (WHERE cloud_cover = 8)::integer AS overcast_hours,
       count(*) FILTER (WHERE cloud_cover = -1)::integer AS invisible_hours
  FROM hours
 GROUP BY station_id, begins
