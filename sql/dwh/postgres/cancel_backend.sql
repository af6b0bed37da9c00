-- Cancels the statement that a backend of ours is running, when the user presses Ctrl-C.
-- Locks: none.
SELECT pg_cancel_backend($1::integer) AS cancelled
