-- Hours with more clouds than there is sky.

SELECT *
  FROM :target
 WHERE measured_at >= :from
   AND measured_at < :to
   AND (cloud_cover NOT BETWEEN -1 AND 8)
 ORDER BY measured_at, station_id
