-- Runs that died, after which no run of the same command has ended well. The newest of each command.
-- Locks: ACCESS SHARE on the ledger.
SELECT DISTINCT ON (r.warehouse, r.command)
       r.run, r.words, r.started_at
  FROM dwh.run_states AS r
 WHERE r.state = 'died'
   AND NOT EXISTS (SELECT
                     FROM dwh.runs AS later
                    WHERE later.run > r.run AND later.exit_code = 0 AND later.command = r.command
                      AND later.warehouse IS NOT DISTINCT FROM r.warehouse)
 ORDER BY r.warehouse, r.command, r.run DESC
