-- The leaves of a partitioned table, each with its index below one of the parent, or NULL where it has none. `tail` is what
-- follows USING in the definition.
-- $1 oid of the parent's index
-- Locks: ACCESS SHARE on the index.
SELECT n.nspname::text AS schema,
       l.relname::text AS name,
       child.relname::text AS index_name,
       x.indisunique AS is_unique,
       substr(pg_get_indexdef(x.indexrelid),
              1 + length(format('CREATE %sINDEX %I ON ONLY %I.%I USING ', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
                                p.relname, pn.nspname, pt.relname))) AS tail
  FROM pg_index AS x
  JOIN pg_class AS p ON p.oid = x.indexrelid
  JOIN pg_class AS pt ON pt.oid = x.indrelid
  JOIN pg_namespace AS pn ON pn.oid = pt.relnamespace
  JOIN pg_inherits AS h ON h.inhparent = x.indrelid
  JOIN pg_class AS l ON l.oid = h.inhrelid
  JOIN pg_namespace AS n ON n.oid = l.relnamespace
  LEFT JOIN LATERAL (SELECT ci.relname
                       FROM pg_index AS c
                       JOIN pg_inherits AS ch ON ch.inhrelid = c.indexrelid AND ch.inhparent = x.indexrelid
                       JOIN pg_class AS ci ON ci.oid = c.indexrelid
                      WHERE c.indrelid = l.oid) AS child ON true
 WHERE x.indexrelid = $1::bigint::oid
 ORDER BY l.relname
