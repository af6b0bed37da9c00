-- Stations with rows that the referential does not have: it is older than they are, or they were closed.
SELECT m.theme, m.station_code, count(*) AS rows
  FROM :target AS m
 WHERE m.ts >= :from AND m.ts < :to
   AND NOT EXISTS (SELECT FROM public.station AS s
                    WHERE s.theme = m.theme AND (s.station_code = m.station_code OR s.site_code = m.station_code))
 GROUP BY m.theme, m.station_code
 ORDER BY rows DESC, m.theme, m.station_code;
