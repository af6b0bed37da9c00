-- What was looked for and is not found any more is over.
-- $1 warehouse, $2 conditions that were looked at, $3 what was found of them, as `condition subject`
-- Locks: ROW EXCLUSIVE on dwh.alerts.
UPDATE dwh.alerts
   SET resolved_at = clock_timestamp()
 WHERE warehouse = $1::text AND resolved_at IS NULL AND condition = ANY ($2::text[])
   AND condition || ' ' || subject <> ALL ($3::text[])
