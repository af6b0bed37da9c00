-- The last run that changed each dataset of a warehouse.
-- $1 warehouse
-- Locks: ACCESS SHARE on the ledger.
SELECT DISTINCT ON (c.dataset) c.dataset, r.run, r.command, r.state, r.started_at
  FROM dwh.conversions AS c
  JOIN dwh.run_states AS r ON r.run = c.run
 WHERE c.warehouse = $1::text
 ORDER BY c.dataset, r.run DESC
