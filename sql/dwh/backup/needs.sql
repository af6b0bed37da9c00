-- What the server of a restore must have: roles that own or are granted something, extensions, tablespaces.
-- $1 oids of tables, NULL for the whole database
-- Locks: none.
WITH relations AS (
  SELECT c.oid, c.reltablespace, c.relnamespace, c.relowner
    FROM pg_class AS c
   WHERE ($1::bigint[] IS NULL AND c.relkind <> 't' AND c.relpersistence <> 't')
      OR c.oid = ANY ($1::bigint[]::oid[])
      OR c.oid IN (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = ANY ($1::bigint[]::oid[]))
), owned AS (
  SELECT s.refobjid AS role
    FROM pg_shdepend AS s
   WHERE s.refclassid = 'pg_authid'::regclass
     AND s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
     AND ($1::bigint[] IS NULL
          OR (s.classid = 'pg_class'::regclass AND s.objid IN (SELECT r.oid FROM relations AS r))
          OR (s.classid = 'pg_namespace'::regclass AND s.objid IN (SELECT r.relnamespace FROM relations AS r)))
   UNION ALL
  -- Of the role that initdb made no dependency is kept.
  SELECT r.relowner FROM relations AS r
   UNION ALL
  SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database() AND $1::bigint[] IS NULL
), extensions AS (
  SELECT d.refobjid AS extension
    FROM pg_depend AS d
    JOIN pg_attribute AS a ON a.atttypid = d.objid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE d.classid = 'pg_type'::regclass AND d.deptype = 'e' AND a.attrelid = ANY ($1::bigint[]::oid[])
)
SELECT (SELECT coalesce(array_agg(DISTINCT r.rolname::text ORDER BY r.rolname::text), '{}')
          FROM pg_roles AS r
         WHERE r.rolname NOT LIKE 'pg\_%' AND r.oid IN (SELECT owned.role FROM owned)) AS roles,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', e.extname, 'version', e.extversion) ORDER BY e.extname), '[]')
          FROM pg_extension AS e
         WHERE e.extname <> 'plpgsql'
           AND ($1::bigint[] IS NULL OR e.oid IN (SELECT x.extension FROM extensions AS x))) AS extensions,
       (SELECT coalesce(array_agg(DISTINCT s.spcname::text ORDER BY s.spcname::text), '{}')
          FROM relations AS r
          JOIN pg_tablespace AS s ON s.oid = r.reltablespace
         WHERE s.spcname <> 'pg_global') AS tablespaces
