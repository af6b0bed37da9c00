-- Who has privileges on a table beside its owner; NULL is PUBLIC.
-- $1 oid
-- Locks: none.
SELECT DISTINCT CASE WHEN acl.grantee <> 0 THEN pg_get_userbyid(acl.grantee)::text END AS grantee
  FROM pg_class AS c
 CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
 WHERE c.oid = $1::bigint::oid AND acl.grantee <> c.relowner
