-- Where a tablespace lies; NULL for the one that databases have unless another is named.
-- $1 name
-- Locks: none.
SELECT nullif(pg_tablespace_location(s.oid), '') AS folder FROM pg_tablespace AS s WHERE s.spcname = $1::text
