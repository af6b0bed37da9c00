-- What happened in a run, in order.
-- Locks: ACCESS SHARE on the ledger.
SELECT at, kind, data FROM dwh.events WHERE run = $1::bigint ORDER BY event
