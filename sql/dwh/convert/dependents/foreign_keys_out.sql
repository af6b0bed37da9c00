-- The foreign keys of a table to others.
-- $1 oid of the table
-- Locks: none.
SELECT 'foreign key' AS kind,
       k.conname::text AS name,
       pg_get_constraintdef(k.oid) AS definition,
       format('CONSTRAINT %I ON %s', k.conname, k.conrelid::regclass) AS object,
       obj_description(k.oid, 'pg_constraint') AS comment,
       k.confrelid::regclass::text AS referenced,
       CASE WHEN NOT k.convalidated
            THEN format('foreign key %s was never validated and is left out: %s', k.conname, pg_get_constraintdef(k.oid))
            WHEN k.confrelid = k.conrelid
            THEN format('foreign key %s of the table to itself is left out: its key alone is not unique any more', k.conname) END AS loss
  FROM pg_constraint AS k
 WHERE k.conrelid = $1::bigint::oid AND k.contype = 'f'
 ORDER BY k.conname
