-- The last result of every check of a warehouse.
-- $1 warehouse
-- Locks: ACCESS SHARE on dwh.check_results.
SELECT DISTINCT ON (dataset, check_name)
       dataset, check_name AS "check", state, row_count AS rows, seconds, run, checked_at
  FROM dwh.check_results
 WHERE warehouse = $1::text
 ORDER BY dataset, check_name, result DESC
