-- What a certificate is of: the database, and the time by its server.
-- Locks: none.
SELECT current_database()::text AS database,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at
