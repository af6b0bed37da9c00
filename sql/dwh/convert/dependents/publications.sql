-- The publications that name a table, with its columns and its row filter. Read through JSON, because PostgreSQL 14 knows
-- neither.
-- $1 oid of the table, $2 quoted name that the table bears afterwards
-- Locks: none.
SELECT 'publication' AS kind,
       p.pubname::text AS name,
       member AS definition,
       ARRAY[format('ALTER PUBLICATION %I DROP TABLE %s', p.pubname, $2::text),
             format('ALTER PUBLICATION %I ADD TABLE %s', p.pubname, member)] AS rebind,
       CASE WHEN NOT p.pubviaroot
            THEN format('publication %s would send the rows under the names of the leaves, unless publish_via_partition_root is set: '
                        'ALTER PUBLICATION %I SET (publish_via_partition_root = true)', p.pubname, p.pubname) END AS loss
  FROM pg_publication_rel AS r
  JOIN pg_publication AS p ON p.oid = r.prpubid
  JOIN pg_class AS c ON c.oid = r.prrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_publication_tables AS t ON t.pubname = p.pubname AND t.schemaname = n.nspname AND t.tablename = c.relname
 CROSS JOIN LATERAL (
         SELECT c.oid::regclass
                || CASE WHEN to_jsonb(r) ->> 'prattrs' IS NULL THEN '' ELSE format(' (%s)',
                     (SELECT string_agg(quote_ident(a), ', ') FROM jsonb_array_elements_text(to_jsonb(t) -> 'attnames') AS a)) END
                || coalesce(format(' WHERE (%s)', to_jsonb(t) ->> 'rowfilter'), '') AS member) AS m
 WHERE r.prrelid = $1::bigint::oid
 ORDER BY 2
