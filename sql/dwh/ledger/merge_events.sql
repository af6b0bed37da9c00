-- Takes events of runs over from another ledger.
-- $1 events as JSON
-- Locks: ROW EXCLUSIVE on dwh.events.
INSERT INTO dwh.events OVERRIDING SYSTEM VALUE
SELECT e.* FROM jsonb_populate_recordset(NULL::dwh.events, $1::jsonb) AS e
 WHERE e.run IN (SELECT r.run FROM dwh.runs AS r)
ON CONFLICT (event) DO NOTHING
