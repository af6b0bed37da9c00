-- The tables of the warehouse's datasets: their size, where they lie, and what this role may do with them.
-- $1 schemas, $2 names
-- Locks: none.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS relkind,
       pg_total_relation_size(c.oid) AS bytes,
       nullif(pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace)), '') AS location,
       pg_get_userbyid(c.relowner)::text AS owner,
       pg_has_role(c.relowner, 'USAGE') AS is_owner,
       has_schema_privilege(n.oid, 'CREATE') AS may_create
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_namespace AS n ON n.nspname = wanted.schema
  JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
  JOIN pg_database AS d ON d.datname = current_database()
 ORDER BY bytes DESC
