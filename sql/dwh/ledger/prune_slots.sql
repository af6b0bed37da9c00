-- Forgets old slots and their leases; the last one that was run of each job stays, for whoever asks what it did last.
-- $1 warehouse, $2 seconds
-- Locks: ROW EXCLUSIVE on dwh.slots and dwh.leases.
WITH old AS (
       DELETE FROM dwh.slots AS s
        WHERE s.warehouse = $1::text AND s.ended_at < clock_timestamp() - make_interval(secs => $2::float8)
          AND EXISTS (SELECT FROM dwh.slots AS later
                       WHERE later.warehouse = s.warehouse AND later.job = s.job AND later.due_at > s.due_at
                         AND later.outcome IN ('ran', 'late'))
       RETURNING s.slot)
DELETE FROM dwh.leases USING old WHERE work = 'slot ' || old.slot
