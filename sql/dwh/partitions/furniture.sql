-- What LIKE does not copy and ATTACH does not bring, but a leaf shall have like its parent: owner, grants, tablespace,
-- comment, statistics targets and options of columns, row level security, replica identity; and the storage parameters of
-- its youngest sibling, since a parent cannot have any. Of a plain table the storage parameters are its own. A new table
-- gets what ALTER DEFAULT PRIVILEGES says today, which the parent need not have: default_grantees.
-- $1 oid of the parent
-- Locks: none.
SELECT pg_get_userbyid(c.relowner)::text AS owner,
       obj_description(c.oid, 'pg_class') AS comment,
       t.spcname::text AS tablespace,
       (SELECT json_agg(json_build_object('grantee', CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END,
                                          'privilege', g.privilege_type, 'grantable', g.is_grantable)
                        ORDER BY g.grantee, g.privilege_type)
          FROM aclexplode(c.relacl) AS g
         WHERE g.grantee <> c.relowner) AS grants,
       (SELECT json_agg(json_build_object('column', a.attname,
                                          'grantee', CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END,
                                          'privilege', g.privilege_type, 'grantable', g.is_grantable)
                        ORDER BY a.attnum, g.grantee, g.privilege_type)
          FROM pg_attribute AS a, aclexplode(a.attacl) AS g
         WHERE a.attrelid = c.oid AND NOT a.attisdropped) AS column_grants,
       (SELECT json_agg(DISTINCT CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END)
          FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS g
         WHERE d.defaclrole = current_user::regrole AND d.defaclobjtype = 'r'
           AND d.defaclnamespace IN (0, c.relnamespace) AND g.grantee <> d.defaclrole) AS default_grantees,
       c.relrowsecurity AS row_security,
       CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END AS replica_identity,
       (SELECT json_object_agg(a.attname, a.attstattarget)
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0) AS statistics,
       -- Without what the server keeps there for itself, as 15.20 does: pg_attver, a number that nobody else can set.
       (SELECT json_object_agg(a.attname, o.options)
          FROM pg_attribute AS a,
               LATERAL (SELECT array_agg(one) AS options FROM unnest(a.attoptions) AS one WHERE one NOT LIKE 'pg\_%') AS o
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND o.options IS NOT NULL) AS column_options,
       coalesce(model.options, '{}') AS storage
  FROM pg_class AS c
  LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
  LEFT JOIN LATERAL (
         SELECT coalesce(m.reloptions, '{}') ||
                coalesce((SELECT array_agg('toast.' || o) FROM unnest(toast.reloptions) AS o), '{}') AS options
           FROM pg_class AS m
           LEFT JOIN pg_class AS toast ON toast.oid = m.reltoastrelid
          WHERE m.relkind = 'r'
            AND (m.oid = c.oid OR m.oid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = c.oid))
          ORDER BY m.oid DESC
          LIMIT 1) AS model ON true
 WHERE c.oid = $1::bigint::oid
