-- Records that a load failed, in or after the transaction that drops its tables; nothing happens when it has ended.
-- $1 load, $2 error code, $3 error
-- Locks: ROW EXCLUSIVE on dwh.loads.
UPDATE dwh.loads SET failed_at = clock_timestamp(), landing = '{}', error_code = $2::text, error = $3::text
 WHERE load = $1::bigint AND finished_at IS NULL AND failed_at IS NULL
