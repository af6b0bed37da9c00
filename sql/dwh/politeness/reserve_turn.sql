-- Reserves the next time at which a host may be asked, for all workers together: turns lie `delay` seconds apart, and none in
-- the time for which the host wants to be left alone. Who comes while nobody waits may ask at once.
-- $1 host, $2 delay in seconds, $3 whether it is reserved again, because the first time has become void
-- Locks: ROW EXCLUSIVE on dwh.hosts.
INSERT INTO dwh.hosts AS h (host, next_at, requests)
VALUES ($1::text, clock_timestamp() + make_interval(secs => $2::float8), 1)
ON CONFLICT (host) DO UPDATE
   SET next_at = greatest(h.next_at, h.held_until, clock_timestamp()) + make_interval(secs => $2::float8),
       requests = h.requests + CASE WHEN $3::boolean THEN 0 ELSE 1 END
RETURNING greatest(0, extract(epoch FROM next_at - make_interval(secs => $2::float8) - clock_timestamp()))::float8 AS wait,
          CASE WHEN held_until > clock_timestamp() THEN held_why END AS why
