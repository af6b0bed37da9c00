-- What is wanted of a backfill from now on; NULL leaves it as it is.
-- $1 backfill, $2 run, pause or cancel, $3 chunks at the same time
-- Locks: ROW EXCLUSIVE on dwh.backfills; waits for a claim.
UPDATE dwh.backfills
   SET wanted = coalesce($2::text, wanted), parallel = coalesce($3::integer, parallel),
       wanted_at = CASE WHEN $2::text <> wanted THEN clock_timestamp() ELSE wanted_at END
 WHERE backfill = $1::bigint
RETURNING backfill, wanted, parallel
