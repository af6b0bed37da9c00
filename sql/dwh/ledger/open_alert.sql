-- Something is the matter: opened once, and seen again for as long as it lasts.
-- $1 warehouse, $2 condition, $3 subject, $4 message, $5 hint
-- Locks: ROW EXCLUSIVE on dwh.alerts.
INSERT INTO dwh.alerts (warehouse, condition, subject, message, hint)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text)
ON CONFLICT (warehouse, condition, subject) WHERE resolved_at IS NULL DO UPDATE
   SET seen_at = clock_timestamp(), message = excluded.message, hint = excluded.hint
