-- Whether a tablespace is there and we may create in it.
-- $1 name
-- Locks: none.
SELECT t.spcname IS NOT NULL AS is_there, coalesce(has_tablespace_privilege(t.oid, 'CREATE'), false) AS may_create
  FROM (VALUES ($1::name)) AS wanted (name)
  LEFT JOIN pg_tablespace AS t ON t.spcname = wanted.name
