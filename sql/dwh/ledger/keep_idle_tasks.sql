-- Writes down tasks that had nothing to do, or could not be begun.
-- $1 run, $2 warehouse, $3 a JSON array of {name, subject, outcome, reason}
-- Locks: ROW EXCLUSIVE on dwh.tasks.
INSERT INTO dwh.tasks (run, warehouse, name, subject, ended_at, outcome, reason)
SELECT $1::bigint, $2::text, t.name, t.subject, clock_timestamp(), t.outcome, t.reason
  FROM ROWS FROM (jsonb_to_recordset($3::jsonb) AS (name text, subject text, outcome text, reason text)) WITH ORDINALITY
    AS t (name, subject, outcome, reason, n)
 ORDER BY t.n
