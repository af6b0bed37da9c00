-- Gives an advisory lock of the session back.
-- Locks: releases ($1, $2).
SELECT pg_advisory_unlock($1::integer, $2::integer) AS released
