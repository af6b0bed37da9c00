-- Opens a backfill under the number of the run that planned it.
-- $1 backfill, $2 warehouse, $3 chunks at the same time, $4 settings
-- Locks: ROW EXCLUSIVE on dwh.backfills.
INSERT INTO dwh.backfills (backfill, warehouse, parallel, settings) VALUES ($1::bigint, $2::text, $3::integer, $4::jsonb)
