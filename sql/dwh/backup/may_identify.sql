-- May we ask for the identifier of the cluster?
-- Locks: none.
SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may
