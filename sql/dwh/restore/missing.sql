-- What a backup needs and this server does not have.
-- $1 roles, $2 extensions, $3 tablespaces, $4 encoding, $5 names of collations of libc
-- Locks: none.
SELECT 'role' AS kind, w.name
  FROM unnest($1::text[]) AS w (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = w.name)
 UNION ALL
SELECT 'extension', w.name
  FROM unnest($2::text[]) AS w (name)
 WHERE NOT EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = w.name)
 UNION ALL
SELECT 'tablespace', w.name
  FROM unnest($3::text[]) AS w (name)
 WHERE NOT EXISTS (SELECT FROM pg_tablespace AS s WHERE s.spcname = w.name)
 UNION ALL
SELECT 'encoding', $4::text WHERE pg_char_to_encoding($4::text) < 0
 UNION ALL
-- Collations that initdb has found; template0 may have one with another spelling of its name.
SELECT 'collation', w.name
  FROM unnest($5::text[]) AS w (name)
 WHERE w.name NOT IN ('C', 'POSIX')
   AND NOT EXISTS (SELECT FROM pg_database AS d WHERE w.name IN (d.datcollate, d.datctype))
   AND NOT EXISTS (SELECT FROM pg_collation AS c WHERE w.name IN (c.collname, c.collcollate, c.collctype))
 ORDER BY 1, 2
