-- What makes the database what it is, beside what is in it: how CREATE DATABASE is told to make it again, and what was set
-- on it afterwards. As JSON members, because their columns came and went between versions.
-- Locks: none.
SELECT d.oid::bigint AS oid,
       d.datname::text AS name,
       pg_get_userbyid(d.datdba)::text AS owner,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text AS collate,
       d.datctype::text AS ctype,
       CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS locale_provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
       to_jsonb(d) ->> 'datcollversion' AS collation_version,
       shobj_description(d.oid, 'pg_database') AS comment,
       d.datconnlimit AS connection_limit,
       d.datacl::text[] AS privileges,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('role', r.rolname, 'setting', c.setting) ORDER BY r.rolname NULLS FIRST, c.n), '[]')
          FROM pg_db_role_setting AS s
         CROSS JOIN LATERAL unnest(s.setconfig) WITH ORDINALITY AS c (setting, n)
          LEFT JOIN pg_roles AS r ON r.oid = s.setrole
         WHERE s.setdatabase = d.oid AND (s.setrole = 0 OR r.oid IS NOT NULL)) AS settings
  FROM pg_database AS d
 WHERE d.datname = current_database()
