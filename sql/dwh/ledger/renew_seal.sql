-- Opens a seal like another one, for the same leaf in a database that was restored.
-- $1 the other seal, $2 oid of the leaf
-- Locks: ROW EXCLUSIVE on dwh.seals.
INSERT INTO dwh.seals (warehouse, dataset, schema_name, table_name, leaf_schema, leaf_name, leaf_oid)
SELECT s.warehouse, s.dataset, s.schema_name, s.table_name, s.leaf_schema, s.leaf_name, $2::bigint::oid
  FROM dwh.seals AS s
 WHERE s.seal = $1::uuid AND s.unsealed_at IS NULL
RETURNING seal::text AS seal, dataset
