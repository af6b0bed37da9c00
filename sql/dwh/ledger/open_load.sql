-- Opens the row of a load.
-- $1 run, $2 warehouse, $3 dataset, $4 schema, $5 table, $6 name of the input, $7 its header line or NULL, $8 its size or NULL,
-- $9 its hash or NULL, $10 hash of the mapping, $11 strategy, $12 how its rejects are read again, $13 absolute path of the file or NULL
-- Locks: ROW EXCLUSIVE on dwh.loads.
INSERT INTO dwh.loads (run, warehouse, dataset, schema_name, table_name, input, header, bytes, sha256, mapping, strategy, reading, place)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea, $8::bigint, $9::text, $10::text, $11::text, $12::jsonb, $13::text)
RETURNING load
