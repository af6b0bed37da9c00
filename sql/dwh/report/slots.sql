-- The slots of a warehouse in a time, in order.
-- $1 warehouse, $2 from, $3 until, $4 how many of each job, the newest
-- Locks: ACCESS SHARE on the ledger.
SELECT j.job, s.due_at, s.state, s.reason, s.seconds, count(*) OVER (PARTITION BY j.job, s.state) AS so_many
  FROM dwh.jobs AS j
 CROSS JOIN LATERAL (
         SELECT s.due_at, s.state, s.reason, extract(epoch FROM s.ended_at - s.started_at)::float8 AS seconds
           FROM dwh.slot_states AS s
          WHERE s.warehouse = j.warehouse AND s.job = j.job AND s.due_at >= $2::timestamptz AND s.due_at < $3::timestamptz
          ORDER BY s.due_at DESC
          LIMIT $4::integer) AS s
 WHERE j.warehouse = $1::text
 ORDER BY j.job, s.due_at
