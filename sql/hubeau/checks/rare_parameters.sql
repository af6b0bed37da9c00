-- Parameters with fewer than 10 analyses, the rarest first.
SELECT q.param_code, p.name, count(*) AS rows, count(DISTINCT q.station_code) AS stations
  FROM :target AS q
  LEFT JOIN public.sandre_parameter AS p ON p.code = q.param_code
 WHERE q.ts >= :from AND q.ts < :to
 GROUP BY q.param_code, p.name
HAVING count(*) < 10
 ORDER BY rows, q.param_code;
