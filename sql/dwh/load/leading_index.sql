-- Whether an index has all rows of a table in the order of a column.
-- $1 the table, quoted; $2 the column
-- Locks: none.
SELECT EXISTS (SELECT FROM pg_index AS x
                 JOIN pg_class AS i ON i.oid = x.indexrelid
                 JOIN pg_am AS am ON am.oid = i.relam
                 JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
                WHERE x.indrelid = to_regclass($1::text) AND a.attname = $2::text
                  AND x.indisvalid AND x.indpred IS NULL AND am.amname = 'btree') AS has
