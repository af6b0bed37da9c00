-- The first time a piece of work is leased: a row that nobody holds.
-- Locks: ROW EXCLUSIVE on dwh.leases.
INSERT INTO dwh.leases (work, epoch, holder, expires_at) VALUES ($1::text, 0, '', NULL) ON CONFLICT (work) DO NOTHING
