-- Origins of which too many analyses have no result: the threshold `invalid` of the dataset.
SELECT origin, count(*) AS rows, count(*) FILTER (WHERE value IS NULL) AS no_result
  FROM :target
 WHERE ts >= :from AND ts < :to
 GROUP BY origin
HAVING count(*) FILTER (WHERE value IS NULL) > :invalid * count(*)
 ORDER BY origin;
