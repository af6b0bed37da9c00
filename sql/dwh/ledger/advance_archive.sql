-- One more step of an archived leaf, in the transaction that does it.
-- $1 archive, $2 proved, detached, dropped or thawed, $3 what the detached leaf is called (or NULL), $4 seconds that it is kept (or NULL)
-- Locks: ROW EXCLUSIVE on dwh.archives.
UPDATE dwh.archives
   SET proved_at = CASE $2::text WHEN 'proved' THEN clock_timestamp() ELSE proved_at END,
       detached_at = CASE $2::text WHEN 'detached' THEN clock_timestamp() ELSE detached_at END,
       aside = coalesce($3::text, aside),
       keep_until = coalesce(clock_timestamp() + make_interval(secs => $4::float8), keep_until),
       dropped_at = CASE $2::text WHEN 'dropped' THEN clock_timestamp() ELSE dropped_at END,
       thawed_at = CASE $2::text WHEN 'thawed' THEN clock_timestamp() ELSE thawed_at END
 WHERE archive = $1::bigint AND thawed_at IS NULL
RETURNING archive
