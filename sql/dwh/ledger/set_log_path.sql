-- Says where the log of a run is, on the host of the run.
-- Locks: ROW EXCLUSIVE on dwh.runs.
UPDATE dwh.runs SET log_path = $2::text WHERE run = $1::bigint
