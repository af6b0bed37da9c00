-- Where the server keeps its data, and whether that is on the machine of whoever asks.
-- Locks: none.
SELECT inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS local,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS folder
