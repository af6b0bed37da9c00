-- Who keeps dead rows of this database from being removed: sessions, prepared transactions, replication slots, and standbys
-- that report their queries. `transactions`: how many have begun since the oldest one that each can still see.
-- $1 transactions: those that hold back fewer are left out
-- Locks: none.
SELECT holder.*
  FROM (SELECT 'session' AS kind, pid::text AS name, concat_ws(', ', usename, nullif(application_name, ''), state) AS detail,
               greatest(age(backend_xid), age(backend_xmin)) AS transactions
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        UNION ALL
        SELECT 'prepared transaction', gid, owner::text, age(transaction)
          FROM pg_prepared_xacts
         WHERE database = current_database()
        UNION ALL
        SELECT CASE WHEN active THEN 'replication slot' ELSE 'unused replication slot' END, slot_name::text,
               slot_type, greatest(age(xmin), age(catalog_xmin))
          FROM pg_replication_slots
         WHERE database IS NULL OR database = current_database()
        UNION ALL
        SELECT 'standby', coalesce(nullif(application_name, ''), host(client_addr), pid::text), client_hostname, age(backend_xmin)
          FROM pg_stat_replication) AS holder
 WHERE holder.transactions >= $1::integer
 ORDER BY holder.transactions DESC
