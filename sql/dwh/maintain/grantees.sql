-- Who has privileges on a table, or on a column of it, beside its owner; NULL is PUBLIC.
-- $1 oid
-- Locks: none.
SELECT DISTINCT CASE WHEN acl.grantee <> 0 THEN pg_get_userbyid(acl.grantee)::text END AS grantee
  FROM pg_class AS c
  JOIN LATERAL (SELECT c.relacl AS acl
                UNION ALL
                SELECT a.attacl FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped) AS own ON true
 CROSS JOIN LATERAL aclexplode(own.acl) AS acl
 WHERE c.oid = $1::bigint::oid AND acl.grantee <> c.relowner
