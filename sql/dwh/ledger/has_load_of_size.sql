-- Was an input of this size loaded into a table? Then its hash has to be known before it is loaded.
-- $1 schema, $2 table, $3 size
-- Locks: ACCESS SHARE on dwh.loads.
SELECT EXISTS (SELECT
                 FROM dwh.loads
                WHERE schema_name = $1::text AND table_name = $2::text AND bytes = $3::bigint
                  AND finished_at IS NOT NULL AND superseded_by IS NULL) AS found
