-- Themes of which too many rows have no value, or one that cannot be: the threshold `invalid` of the dataset. Heights of rivers
-- and levels of groundwater may be negative.
SELECT theme,
       count(*) AS rows,
       count(*) FILTER (WHERE value IS NULL) AS no_value,
       count(*) FILTER (WHERE theme = 'temp' AND value NOT BETWEEN -5 AND 45) AS impossible
  FROM :target
 WHERE ts >= :from AND ts < :to
 GROUP BY theme
HAVING count(*) FILTER (WHERE value IS NULL OR (theme = 'temp' AND value NOT BETWEEN -5 AND 45)) > :invalid * count(*)
 ORDER BY theme;
