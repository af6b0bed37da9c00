-- Whether what expressions say means what PostgreSQL itself means by it: nobody has made a function to_timestamp, an operator / or
-- a cast from text that an expression would take instead.
-- Locks: none.
SELECT NOT EXISTS (SELECT FROM pg_proc
                    WHERE proname = 'to_timestamp' AND pronamespace <> 'pg_catalog'::regnamespace AND pg_function_is_visible(oid))
   AND NOT EXISTS (SELECT FROM pg_operator
                    WHERE oprname = '/' AND oprnamespace <> 'pg_catalog'::regnamespace AND pg_operator_is_visible(oid))
   AND NOT EXISTS (SELECT FROM pg_cast WHERE castsource = 'text'::regtype AND oid >= 16384) AS plain
