-- What maintenance did in a time, and what it gained.
-- $1 warehouse, $2 from, $3 until
-- Locks: ACCESS SHARE on dwh.tasks.
SELECT t.name,
       count(*) FILTER (WHERE t.outcome = 'done') AS done,
       count(*) FILTER (WHERE t.outcome = 'nothing') AS nothing,
       count(*) FILTER (WHERE t.outcome IN ('skipped', 'stopped')) AS skipped,
       count(*) FILTER (WHERE t.outcome = 'failed') AS failed,
       coalesce(sum(extract(epoch FROM t.ended_at - t.started_at)), 0)::float8 AS seconds,
       coalesce(sum(CASE WHEN t.outcome = 'done' AND jsonb_typeof(t.after -> 'freed') = 'number'
                         THEN (t.after ->> 'freed')::numeric END), 0)::float8 AS freed
  FROM dwh.tasks AS t
 WHERE t.warehouse = $1::text AND t.started_at >= $2::timestamptz AND t.started_at < $3::timestamptz
 GROUP BY t.name
 ORDER BY t.name
