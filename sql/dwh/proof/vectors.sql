-- The hash of fixed values of every type that is hashed as it is, and of the text of the others. Two servers whose
-- results differ cannot be compared by proof.
-- Locks: none.
SELECT sum(hash_record_extended(r, 0))::text AS hash_1, sum(hash_record_extended(r, 1))::text AS hash_2
  FROM (VALUES
         (ROW(true, 1::int2, 2::int4, 3::int8, 'été'::text, 'naïve'::varchar, '\x00ff'::bytea)),
         (ROW(false, (-1)::int2, NULL::int4, (-9223372036854775807)::int8, ''::text, NULL::varchar, '\x'::bytea)),
         (ROW('2024-02-29'::date, '23:59:59.999999'::time, '2024-02-29 12:00:00.000001'::timestamp,
              '2024-02-29 12:00:00+00'::timestamptz, '00000000-0000-0000-0000-00000000002a'::uuid, NULL::text, NULL::bytea)),
         (ROW('52217-01-01'::date, 'infinity'::date, '-infinity'::timestamp, 'infinity'::timestamptz, 1.5::float8, 'NaN'::float8,
              0.1::float4)),
         (ROW((1.00)::numeric::text, ('1 day'::interval)::text, ('{"b": 1, "a": [1, 2.50]}'::jsonb)::text, ('{1,NULL}'::int[])::text,
              '192.0.2.1/24'::inet, 'abc'::bpchar, 'n'::name))
       ) AS v (r)
