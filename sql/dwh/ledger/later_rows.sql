-- What a ledger has that a backup of it cannot have, or may have unfinished: runs, events and loads as JSON.
-- $1 last run and $2 last load in the backup, $3 when it was taken
-- Locks: ACCESS SHARE on dwh.runs, dwh.events, dwh.loads.
WITH late AS (
  SELECT r.*
    FROM dwh.runs AS r
   -- A number is taken before its row is seen.
   WHERE r.run > $1::bigint - 1000 OR r.ended_at IS NULL OR r.ended_at > $3::timestamptz - interval '1 hour'
)
SELECT (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM late AS r) AS runs,
       (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]')
          FROM dwh.events AS e
         WHERE e.run IN (SELECT late.run FROM late) AND e.at > $3::timestamptz - interval '1 day') AS events,
       (SELECT coalesce(jsonb_agg(to_jsonb(l)), '[]')
          FROM dwh.loads AS l
         WHERE l.load > $2::bigint - 1000
            OR l.finished_at IS NULL AND l.failed_at IS NULL
            OR coalesce(l.finished_at, l.failed_at) > $3::timestamptz - interval '1 hour') AS loads,
       (SELECT coalesce(jsonb_agg(to_jsonb(l)), '[]') FROM dwh.leases AS l) AS leases,
       coalesce(pg_sequence_last_value('dwh.runs_run_seq'::regclass), 0) AS last_run,
       coalesce(pg_sequence_last_value('dwh.events_event_seq'::regclass), 0) AS last_event,
       coalesce(pg_sequence_last_value('dwh.loads_load_seq'::regclass), 0) AS last_load
