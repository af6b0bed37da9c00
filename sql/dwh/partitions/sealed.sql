-- Which of some leaves have a trigger that refuses rows because they are sealed, whether the seal holds or is void.
-- $1 oids of the leaves
-- Locks: none.
SELECT DISTINCT t.tgrelid::bigint AS oid
  FROM pg_trigger AS t
  JOIN pg_proc AS p ON p.oid = t.tgfoid
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE t.tgrelid = ANY ($1::bigint[]::oid[]) AND t.tgenabled IN ('A', 'O') AND t.tgtype & 1 = 1
   AND n.nspname = 'dwh' AND p.proname = 'refuse_sealed'
