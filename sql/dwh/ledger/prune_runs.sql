-- Deletes ended (or dead) runs that started before a moment, with their events; the logs are the caller's.
-- $1 seconds of age
-- Locks: ROW EXCLUSIVE on the ledger.
DELETE FROM dwh.runs AS r
 USING dwh.run_states AS s
 WHERE s.run = r.run
   AND s.state <> 'running'
   AND r.started_at < clock_timestamp() - make_interval(secs => $1::float8)
RETURNING r.run, r.host, r.log_path
