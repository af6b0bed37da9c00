-- The workers of some backfills that are not history: their run has not ended. They began them, joined them, or have claimed
-- chunks.
-- A lease that was given back by somebody who took it over is lost too. `busy` are their connections in the middle of a statement.
-- $1 backfills
-- Locks: ACCESS SHARE on the ledger.
SELECT r.run, r.host, r.os_pid, r.state,
       ARRAY(SELECT DISTINCT w.backfill::float8 FROM unnest($1::bigint[]) AS w (backfill)
              WHERE w.backfill = r.run
                 OR r.command = 'backfill work' AND w.backfill::text = ANY (r.words)
                 OR EXISTS (SELECT FROM dwh.chunks AS c WHERE c.backfill = w.backfill AND c.worker = r.run)
              ORDER BY 1) AS backfills,
       (SELECT count(*) FROM dwh.chunks AS c
         WHERE c.backfill = ANY ($1::bigint[]) AND c.worker = r.run AND c.ended_at IS NULL) AS chunks,
       -- The first backend of a lease does nothing but renew it.
       extract(epoch FROM clock_timestamp() - greatest(
         (SELECT a.query_start FROM pg_stat_activity AS a
           WHERE a.pid = l.backend_pids[1] AND a.backend_start = l.backend_starts[1]),
         (SELECT max(greatest(c.progressed_at, c.claimed_at)) FROM dwh.chunks AS c
           WHERE c.backfill = ANY ($1::bigint[]) AND c.worker = r.run)))::float8 AS heartbeat,
       l.work IS NOT NULL AND coalesce(l.expires_at < clock_timestamp(), true) AS expired,
       (SELECT coalesce(json_agg(json_build_object(
                 'pid', a.pid,
                 'application', a.application_name,
                 'seconds', extract(epoch FROM clock_timestamp() - a.query_start),
                 'wait', concat_ws(':', a.wait_event_type, a.wait_event),
                 'query', left(regexp_replace(a.query, '\s+', ' ', 'g'), 80)) ORDER BY a.query_start), '[]')
          FROM pg_stat_activity AS a
         WHERE a.pid = ANY (l.backend_pids) AND a.state = 'active') AS busy
  FROM dwh.run_states AS r
  LEFT JOIN dwh.leases AS l ON l.work = 'backfill worker ' || r.run
 WHERE r.ended_at IS NULL
   AND (r.run = ANY ($1::bigint[])
        OR r.command = 'backfill work' AND r.words && $1::bigint[]::text[]
        OR r.run IN (SELECT c.worker FROM dwh.chunks AS c WHERE c.backfill = ANY ($1::bigint[])))
 ORDER BY r.run
