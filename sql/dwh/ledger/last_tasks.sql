-- The last time that a task was done, or found nothing to do, for each of its subjects.
-- $1 warehouse, $2 name
-- Locks: ACCESS SHARE on dwh.tasks.
SELECT DISTINCT ON (subject) subject, ended_at, after
  FROM dwh.tasks
 WHERE warehouse = $1::text AND name = $2::text AND subject IS NOT NULL AND outcome = 'done'
 ORDER BY subject, task DESC
