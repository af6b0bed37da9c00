-- For a session that hashes keys and builds indexes of leaves: as much memory as a leaf of some hundred thousand rows needs,
-- unless the server gives more anyway. No parallel workers: the load works on several connections already.
-- Locks: none.
SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')), 64 * 1024 * 1024) / 1024 || 'kB', false),
       set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting('maintenance_work_mem')), 128 * 1024 * 1024) / 1024 || 'kB', false),
       set_config('max_parallel_maintenance_workers', '0', false),
       set_config('max_parallel_workers_per_gather', '0', false)
