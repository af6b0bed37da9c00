-- Measures of tomorrow and later: a year mistaken, or morning for afternoon.
SELECT theme, station_code, parameter, ts, value
  FROM :target
 WHERE ts >= greatest(:from, date_trunc('day', now(), :zone) + interval '1 day') AND ts < :to
 ORDER BY ts DESC, station_code;
