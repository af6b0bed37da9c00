-- Years in which more than three of four entries have no user. Some never had one; that most have none means that the users
-- were not loaded before the entries.
SELECT extract(year FROM occurred_at AT TIME ZONE :zone)::integer AS year,
       count(*) AS rows,
       count(*) FILTER (WHERE user_id IS NULL) AS no_user
  FROM :target
 WHERE occurred_at >= :from AND occurred_at < :to
 GROUP BY 1
HAVING count(*) FILTER (WHERE user_id IS NULL) > 0.75 * count(*)
 ORDER BY 1 DESC;
