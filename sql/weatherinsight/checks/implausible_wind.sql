-- Hours with a wind that cannot be.

SELECT *
  FROM :target
 WHERE measured_at >= :from
   AND measured_at < :to
   AND (wind_speed NOT BETWEEN 0 AND 75 OR wind_direction NOT BETWEEN 0 AND 360)
 ORDER BY measured_at, station_id
