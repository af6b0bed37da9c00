-- Keeps what a check has found.
-- $1 run, $2 warehouse, $3 dataset, $4 name of the check, $5 severity, $6 threshold, $7 and $8 the days or NULL,
-- $9 state, $10 rows or NULL, $11 sample, $12 code and $13 message of an error or NULL, $14 seconds
-- Locks: ROW EXCLUSIVE on dwh.check_results.
INSERT INTO dwh.check_results
       (run, warehouse, dataset, check_name, severity, threshold, days_from, days_to, state, row_count, sample,
        error_code, error, seconds)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::date, $8::date, $9::text, $10::bigint,
        $11::jsonb, $12::text, $13::text, $14::float8)
