-- How much of a ledger is there in this database?
-- Locks: none.
SELECT to_regnamespace('dwh') IS NOT NULL AS has_schema,
       to_regclass('dwh.runs') IS NOT NULL AS has_ledger,
       to_regclass('dwh.migration_checksums') IS NOT NULL AS has_checksums,
       to_regclass('dwh.loads') IS NOT NULL AS has_loads,
       to_regclass('dwh.seals') IS NOT NULL AS has_seals,
       to_regclass('dwh.restored_leaves') IS NOT NULL AS has_restored_leaves,
       to_regclass('dwh.check_results') IS NOT NULL AS has_checks,
       to_regclass('dwh.chunks') IS NOT NULL AS has_backfills,
       to_regclass('dwh.slots') IS NOT NULL AS has_slots,
       to_regclass('dwh.archives') IS NOT NULL AS has_archives,
       to_regclass('dwh.tasks') IS NOT NULL AS has_tasks
