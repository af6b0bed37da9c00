-- Keeps what was measured of a table after its conversion.
-- $1 conversion, $2 the measures
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions SET after = $2::jsonb WHERE conversion = $1::bigint
