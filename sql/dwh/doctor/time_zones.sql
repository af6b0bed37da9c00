-- The time zones that sessions of this database begin with and that are not the one of a policy: that of this role first, then
-- those that were set for others. A zone is another where its clocks differ on any day from 1990 to five years ahead.
-- $1 the zone of a policy
-- Locks: none.
SELECT settings.role, settings.zone, settings.is_of_role
  FROM (SELECT 1 AS rank, current_user::text AS role, s.reset_val AS zone,
               EXISTS (SELECT
                         FROM pg_db_role_setting AS r, unnest(r.setconfig) AS c
                        WHERE r.setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND c ILIKE 'timezone=%') AS is_of_role
          FROM pg_settings AS s
         WHERE s.name = 'TimeZone'
        UNION ALL
        SELECT 2, a.rolname::text, substr(c, strpos(c, '=') + 1), true
          FROM pg_db_role_setting AS r
          JOIN pg_roles AS a ON a.oid = r.setrole AND a.rolname <> current_user
          JOIN pg_database AS d ON d.oid = r.setdatabase OR r.setdatabase = 0
         CROSS JOIN unnest(r.setconfig) AS c
         WHERE d.datname = current_database() AND c ILIKE 'timezone=%') AS settings
 WHERE EXISTS (SELECT
                 FROM generate_series(timestamptz '1990-01-01 12:00Z', now() + interval '5 years', interval '1 day') AS noon
                WHERE timezone(settings.zone, noon) <> timezone($1::text, noon))
 ORDER BY settings.rank, settings.role
