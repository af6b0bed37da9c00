-- The extended statistics of a table, taken apart so that they can be made for another.
-- $1 oid of the table
-- Locks: none.
SELECT n.nspname::text AS schema,
       s.stxname::text AS name,
       (SELECT string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' END, ', ')
          FROM unnest(s.stxkind) AS k WHERE k <> 'e') AS kinds,
       pg_get_statisticsobjdef_columns(s.oid) AS columns,
       nullif((to_jsonb(s) ->> 'stxstattarget')::integer, -1) AS target,
       pg_get_userbyid(s.stxowner)::text AS owner,
       obj_description(s.oid, 'pg_statistic_ext') AS comment
  FROM pg_statistic_ext AS s
  JOIN pg_namespace AS n ON n.oid = s.stxnamespace
 WHERE s.stxrelid = $1::bigint::oid
 ORDER BY 1, 2
