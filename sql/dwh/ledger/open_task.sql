-- Opens the row of a task.
-- $1 run, $2 warehouse, $3 name, $4 subject
-- Locks: ROW EXCLUSIVE on dwh.tasks.
INSERT INTO dwh.tasks (run, warehouse, name, subject)
VALUES ($1::bigint, $2::text, $3::text, $4::text)
RETURNING task
