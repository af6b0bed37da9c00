-- The last run that worked on each dataset of a warehouse.
-- $1 warehouse
-- Locks: ACCESS SHARE on the ledger.
SELECT DISTINCT ON (dataset) dataset, r.run, r.command, r.state, r.started_at
  FROM dwh.run_states AS r, unnest(r.datasets) AS dataset
 WHERE r.warehouse = $1::text
 ORDER BY dataset, r.run DESC
