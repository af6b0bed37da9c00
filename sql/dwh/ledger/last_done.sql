-- When each job last did what it is there for, whatever its exit code: a slot whose maintenance did something, or found nothing to
-- do; of commands that tell no tasks, those that ended well. Commands that were told to do nothing did nothing.
-- $1 warehouse
-- Locks: ACCESS SHARE on the ledger.
SELECT j.job, j.definition, j.known_from, j.paused_at, d.done_at,
       extract(epoch FROM clock_timestamp() - coalesce(d.done_at, j.known_from))::float8 AS seconds
  FROM dwh.jobs AS j
  LEFT JOIN LATERAL (
         SELECT s.ended_at AS done_at
           FROM dwh.slots AS s
           LEFT JOIN LATERAL (SELECT count(*) AS all, count(*) FILTER (WHERE t.outcome IN ('done', 'nothing')) AS done
                                FROM dwh.tasks AS t
                               WHERE t.run = ANY (s.runs)) AS t ON true
          WHERE s.warehouse = j.warehouse AND s.job = j.job AND s.outcome IN ('ran', 'late')
            AND CASE WHEN t.all > 0 THEN t.done > 0
                     WHEN s.runs <> '{}' THEN s.exit_code = 0
                     ELSE s.exit_code = 0
                          AND EXISTS (SELECT FROM jsonb_array_elements_text(j.definition -> 'run') AS command
                                       WHERE command !~ '(^|\s)(--dry-run|--help|-h|--version|-V|--list)(\s|$)')
                END
          ORDER BY s.due_at DESC
          LIMIT 1) AS d ON true
 WHERE j.warehouse = $1::text AND j.gone_at IS NULL
 ORDER BY j.job
