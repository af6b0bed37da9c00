-- Moves the numbers of runs, events and loads on, never back.
-- $1 run, $2 event, $3 load that may have been given away
-- Locks: none.
SELECT setval(s.name::regclass, s.least)
  FROM (VALUES ('dwh.runs_run_seq', $1::bigint), ('dwh.events_event_seq', $2::bigint), ('dwh.loads_load_seq', $3::bigint)) AS s (name, least)
 WHERE coalesce(pg_sequence_last_value(s.name::regclass), 0) < s.least
