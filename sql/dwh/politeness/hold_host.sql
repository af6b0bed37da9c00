-- A host wants to be left alone for so many seconds; a longer time that was said before stays.
-- $1 host, $2 seconds, $3 reason
-- Locks: ROW EXCLUSIVE on dwh.hosts.
INSERT INTO dwh.hosts AS h (host, held_until, held_why)
VALUES ($1::text, clock_timestamp() + make_interval(secs => $2::float8), $3::text)
ON CONFLICT (host) DO UPDATE
   SET held_why = CASE WHEN h.held_until > excluded.held_until THEN h.held_why ELSE excluded.held_why END,
       held_until = greatest(h.held_until, excluded.held_until)
