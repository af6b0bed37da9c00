-- Hours with less than no precipitation, or more than 200 mm.

SELECT *
  FROM :target
 WHERE measured_at >= :from
   AND measured_at < :to
   AND (precipitation NOT BETWEEN 0 AND 200)
 ORDER BY measured_at, station_id
