-- Who holds locks on some relations: told to the user when the lock ladder ends.
-- $1: the relations as text[] of regclass input; an empty array stands for every user's relation.
-- Locks: none.
SELECT l.pid,
       l.relation::regclass::text AS relation,
       coalesce(a.application_name, '') AS application,
       coalesce(a.usename::text, '') AS role,
       coalesce(a.state, '') AS state,
       l.mode,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start))::float8 AS seconds,
       left(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 80) AS query
  FROM pg_locks AS l
  JOIN pg_class AS c ON c.oid = l.relation
  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'relation'
   AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND CASE
         WHEN $1::text[] = '{}' THEN c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'dwh')
         ELSE l.relation = ANY (SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name)
       END
   AND l.pid <> pg_backend_pid()
 ORDER BY seconds DESC NULLS LAST, l.pid
