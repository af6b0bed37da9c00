-- Quarters in which some product has features and this one has none.

SELECT c.year, c.quarter, 'MISSING' AS issue, count(DISTINCT c.product) AS products_with_features
  FROM public.quarterly_coverage AS c
 WHERE c.year * 4 + c.quarter - 1 >= :from
   AND c.year * 4 + c.quarter - 1 < :to
   AND NOT EXISTS (SELECT FROM :target AS t WHERE (t.year, t.quarter) = (c.year, c.quarter))
 GROUP BY c.year, c.quarter
 ORDER BY c.year, c.quarter
