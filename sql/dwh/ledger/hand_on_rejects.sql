-- Hands the open rejects of an earlier load on to a load that has read them again. Of two that do so at once the second
-- waits for the first, and finds none.
-- $1 load, $2 earlier load
-- Locks: ROW EXCLUSIVE on dwh.rejects.
UPDATE dwh.rejects SET replayed_by = $1::bigint WHERE load = $2::bigint AND replayed_by IS NULL
