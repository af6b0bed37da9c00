-- The date of the server's clock in a time zone: leaves are premade from it, never from the data.
-- $1 time zone
-- Locks: none.
SELECT to_char(clock_timestamp() AT TIME ZONE $1::text, 'YYYY-MM-DD') AS today
