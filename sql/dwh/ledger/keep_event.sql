-- Keeps an event of a run.
-- Locks: ROW EXCLUSIVE on dwh.events.
INSERT INTO dwh.events (run, kind, data) VALUES ($1::bigint, $2::text, $3::jsonb)
