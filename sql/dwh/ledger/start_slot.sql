-- A slot begins, or is taken up again after its daemon died; what it has done by then stays done. To be called under its lease: whoever
-- held it before writes no more.
-- $1 slot, $2 epoch, $3 holder, $4 now
-- Locks: ROW EXCLUSIVE on dwh.slots.
UPDATE dwh.slots AS s
   SET started_at = coalesce(s.started_at, $4::timestamptz), epoch = $2::bigint, holder = $3::text, attempts = s.attempts + 1,
       cancel_at = NULL
 WHERE s.slot = $1::bigint AND s.ended_at IS NULL
RETURNING s.commands_done, s.run, (SELECT r.exit_code FROM dwh.runs AS r WHERE r.run = s.run) AS run_exit_code
