-- Stations with fewer than 100 rows, the thinnest first.
SELECT station_code, theme, count(*) AS rows, min(ts) AS first_ts, max(ts) AS last_ts
  FROM :target
 WHERE ts >= :from AND ts < :to
 GROUP BY station_code, theme
HAVING count(*) < 100
 ORDER BY rows, station_code, theme;
