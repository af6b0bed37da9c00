-- What the live rows of tables would take in the heap, by the statistics of the last ANALYZE: 24 bytes of head, 4 of pointer,
-- the bytes of the columns, in steps of 8, in pages filled as far as fillfactor says. NULL where a column was never analyzed.
-- $1 oids of tables
-- Locks: ACCESS SHARE on the tables.
SELECT c.oid::bigint AS oid,
       CASE
         WHEN c.reltuples < 0 OR count(*) FILTER (WHERE s.attname IS NULL) > 0 THEN NULL
         ELSE ceil(c.reltuples * (28 + 8 * ceil(sum((1 - s.null_frac) * s.avg_width) / 8))
                   / ((coalesce(max(o.option_value::integer), 100)) / 100.0) * 8192 / 8168)
       END::float8 AS bytes
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
  LEFT JOIN LATERAL (SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor') AS o ON true
 WHERE c.oid = ANY ($1::bigint[]::oid[])
 GROUP BY c.oid
