-- Opens the row of a conversion in the transaction that creates its shadow tree.
-- $1 warehouse, $2 dataset, $3 schema, $4 table, $5 run, $6 oid of the plain table, $7 shadow name, $8 name it keeps after,
-- $9 hash of the structure, $10 what was measured before, $11 the backup
-- Locks: ROW EXCLUSIVE on dwh.conversions.
INSERT INTO dwh.conversions (warehouse, dataset, schema_name, table_name, run, plain_oid, shadow_name, before_name,
                             structure, before, backup)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::bigint, $6::bigint::oid, $7::text, $8::text, $9::text, $10::jsonb, $11::text)
RETURNING conversion
