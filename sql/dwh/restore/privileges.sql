-- The privileges that aclitems stand for; the grantee is NULL for PUBLIC.
-- $1 aclitems
-- Locks: none.
SELECT r.rolname::text AS grantee, a.privilege_type AS privilege, a.is_grantable
  FROM aclexplode($1::text[]::aclitem[]) AS a
  LEFT JOIN pg_roles AS r ON r.oid = a.grantee
 WHERE a.grantee = 0 OR r.oid IS NOT NULL
