-- How far the ledger is: the last run, and the highest epoch of a lease.
-- Locks: none.
SELECT (SELECT max(run) FROM dwh.runs) AS last_run,
       (SELECT max(epoch) FROM dwh.leases) AS highest_epoch
