-- Is there a ledger in which we may record a run?
-- Locks: none.
SELECT NOT pg_is_in_recovery() AND coalesce(has_table_privilege(to_regclass('dwh.runs'), 'INSERT'), false) AS may
