-- Writes down a seal before there is any evidence of it.
-- $1 run, $2 warehouse, $3 dataset, $4 schema and $5 name of the parent, $6 schema and $7 name of the leaf, $8 its oid
-- Locks: ROW EXCLUSIVE on dwh.seals.
INSERT INTO dwh.seals (run, warehouse, dataset, schema_name, table_name, leaf_schema, leaf_name, leaf_oid)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint::oid)
RETURNING seal::text AS seal
