-- The identifier of the cluster, which initdb made up.
-- Locks: none.
SELECT system_identifier::text AS identifier FROM pg_control_system()
