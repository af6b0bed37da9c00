-- Raises leases above those of another ledger: who holds one there is refused here. One that is above already stays as it is.
-- $1 leases as JSON
-- Locks: ROW EXCLUSIVE on dwh.leases.
INSERT INTO dwh.leases (work, epoch, holder)
SELECT l.work, l.epoch + 1, l.holder FROM jsonb_populate_recordset(NULL::dwh.leases, $1::jsonb) AS l
ON CONFLICT (work) DO UPDATE
   SET epoch = excluded.epoch, run = NULL, holder = excluded.holder, backend_pids = '{}', backend_starts = '{}', expires_at = NULL
 WHERE leases.epoch < excluded.epoch
