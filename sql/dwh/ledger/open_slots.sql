-- The slots of a warehouse that have not ended, in the order in which they are due.
-- $1 warehouse, $2 job, or NULL for all
-- Locks: ACCESS SHARE on the ledger.
SELECT s.slot, s.job, s.due_at, s.planned_at, s.queued_at, s.started_at, s.epoch, s.holder, s.attempts, s.commands_done, s.run,
       s.cancel_at, s.state, r.exit_code AS run_exit_code, l.expires_at AS alive_until
  FROM dwh.slot_states AS s
  LEFT JOIN dwh.runs AS r USING (run)
  LEFT JOIN dwh.leases AS l ON l.work = 'slot ' || s.slot
 WHERE s.warehouse = $1::text AND s.job = coalesce($2::text, s.job) AND s.ended_at IS NULL
 ORDER BY s.job, s.due_at
