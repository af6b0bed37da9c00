-- What is wanted of a backfill, kept so until the transaction ends. Who claims counts what is claimed: one after the other, or two
-- would count the same. Nobody waits: a client that stands still would keep all others.
-- $1 backfill
-- Locks: FOR NO KEY UPDATE on the row of dwh.backfills, if it is free.
SELECT wanted, parallel FROM dwh.backfills WHERE backfill = $1::bigint FOR NO KEY UPDATE SKIP LOCKED
