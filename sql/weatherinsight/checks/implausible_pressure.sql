-- Hours with a pressure that cannot be.

SELECT *
  FROM :target
 WHERE measured_at >= :from
   AND measured_at < :to
   AND (pressure_sea_level NOT BETWEEN 930 AND 1070 OR pressure_station NOT BETWEEN 600 AND 1070)
 ORDER BY measured_at, station_id
