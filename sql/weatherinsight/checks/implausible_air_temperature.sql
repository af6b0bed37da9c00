-- Hours with a temperature or a humidity that Germany has never had.

SELECT *
  FROM :target
 WHERE measured_at >= :from
   AND measured_at < :to
   AND (air_temperature NOT BETWEEN -60 AND 50 OR relative_humidity NOT BETWEEN 0 AND 100)
 ORDER BY measured_at, station_id
