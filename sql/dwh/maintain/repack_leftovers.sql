-- Of some tables those with the trigger or a table of a pg_repack that does not work on them.
-- $1 oids of tables
-- Locks: none.
SELECT c.oid::bigint AS oid
  FROM pg_class AS c
 WHERE c.oid = ANY ($1::bigint[]::oid[])
   AND (EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = 'repack_trigger')
        OR EXISTS (SELECT FROM pg_class AS o
                     JOIN pg_namespace AS h ON h.oid = o.relnamespace
                    WHERE h.nspname = 'repack' AND o.relname IN ('table_' || c.oid, 'log_' || c.oid)))
   AND NOT EXISTS (SELECT FROM pg_locks AS l
                    WHERE l.locktype = 'advisory' AND l.classid = 16185446 AND l.objid::bigint = 2147483648 + c.oid::bigint AND l.granted
                      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
