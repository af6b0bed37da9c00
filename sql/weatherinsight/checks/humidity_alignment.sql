-- Quarters in which temperature and humidity, which come from one file of each station, differ by more than 10 stations.

SELECT year, quarter, 'MISMATCH' AS issue, coalesce(t.stations, 0) AS temperature, coalesce(h.stations, 0) AS humidity
  FROM (SELECT year, quarter, count(*) AS stations FROM public.quarterly_temperature_features GROUP BY year, quarter) AS t
  FULL JOIN (SELECT year, quarter, count(*) AS stations FROM :target GROUP BY year, quarter) AS h USING (year, quarter)
 WHERE year * 4 + quarter - 1 >= :from
   AND year * 4 + quarter - 1 < :to
   AND abs(coalesce(t.stations, 0) - coalesce(h.stations, 0)) > 10
 ORDER BY year, quarter
