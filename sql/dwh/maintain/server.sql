-- Whether the server's machine is this one.
-- Locks: none.
SELECT inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS is_local
