-- Conversions that are neither undone nor finished, and whether somebody is at work in this database.
-- Locks: ACCESS SHARE on the ledger.
SELECT c.schema_name,
       c.shadow_name,
       c.before_name,
       c.swapped_at IS NOT NULL AS is_swapped,
       (extract(epoch FROM clock_timestamp() - c.swapped_at) / 86400)::float8 AS days,
       EXISTS (SELECT
                 FROM dwh.leases AS l
                 JOIN pg_stat_activity AS a ON a.pid = l.backend_pids[1]
                                           AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]
                WHERE l.expires_at > clock_timestamp()) AS is_at_work
  FROM dwh.conversions AS c
 WHERE c.undone_at IS NULL AND c.finished_at IS NULL
