-- Alerts that a channel has to be told of, and on demand all that are open. One that came and went untold is told by neither
-- message.
-- $1 warehouse, $2 channels, $3 all that are open too
-- Locks: ACCESS SHARE on dwh.alerts.
SELECT alert, warehouse, condition, subject, message, hint, opened_at, seen_at, resolved_at, told
  FROM dwh.alerts AS a
 WHERE a.warehouse = $1::text
   AND (EXISTS (SELECT
                  FROM unnest($2::text[]) AS c (channel)
                 CROSS JOIN LATERAL (SELECT a.told -> c.channel AS told) AS t
                 WHERE CASE WHEN a.resolved_at IS NULL THEN t.told ->> 'opened_at' IS NULL
                            ELSE t.told ->> 'opened_at' IS NOT NULL AND t.told ->> 'resolved_at' IS NULL
                                 AND a.resolved_at > clock_timestamp() - interval '7 days' END)
        OR $3::boolean AND a.resolved_at IS NULL)
 ORDER BY a.alert
