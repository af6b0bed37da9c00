-- What a channel was told of an alert.
-- $1 alert, $2 channel, $3 what is known of it, as JSON
-- Locks: ROW EXCLUSIVE on dwh.alerts.
UPDATE dwh.alerts SET told = told || jsonb_build_object($2::text, coalesce(told -> $2::text, '{}') || $3::jsonb) WHERE alert = $1::bigint
