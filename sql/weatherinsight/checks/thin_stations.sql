-- Stations with features from fewer hours of a quarter than the threshold `coverage` asks for.

SELECT year, quarter, station_id, hours_observed, coverage
  FROM :target
 WHERE year * 4 + quarter - 1 >= :from
   AND year * 4 + quarter - 1 < :to
   AND coverage < :coverage
 ORDER BY year, quarter, coverage, station_id
