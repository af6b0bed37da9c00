-- Was this server built with LZ4?
-- Locks: none.
SELECT 'lz4' = ANY (enumvals) AS has_lz4 FROM pg_settings WHERE name = 'default_toast_compression'
