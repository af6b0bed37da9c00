-- Writes down a table that a leaf of a backup is restored into, in the transaction that makes it.
-- $1 run, $2 batch, $3 dataset, $4 schema, $5 table, $6 bound, $7 name in the table, $8 backup, $9 hash of its manifest,
-- $10 oid in the backup, $11 name beside the table, $12 its oid
-- Locks: ROW EXCLUSIVE on dwh.restored_leaves.
INSERT INTO dwh.restored_leaves (run, batch, dataset, schema_name, table_name, bound, leaf_name, backup, manifest, backup_oid, aside_name, aside_oid)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::bigint, $11::text, $12::bigint::oid)
RETURNING leaf
