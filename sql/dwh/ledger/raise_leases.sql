-- Raises all leases by a step that no work has come to, where the ledger that issued the last ones cannot be read.
-- $1 step
-- Locks: ROW EXCLUSIVE on dwh.leases.
UPDATE dwh.leases
   SET epoch = epoch + $1::bigint, run = NULL, backend_pids = '{}', backend_starts = '{}', expires_at = NULL
