-- Parameters of analyses that Sandre's list does not have; all of them where it was never loaded.
SELECT q.param_code, count(*) AS rows
  FROM :target AS q
 WHERE q.ts >= :from AND q.ts < :to
   AND NOT EXISTS (SELECT FROM public.sandre_parameter AS p WHERE p.code = q.param_code)
 GROUP BY q.param_code
 ORDER BY rows DESC, q.param_code;
