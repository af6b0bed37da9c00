-- The hash of fixed values of every type, as the proof hashes them: by their own hash, in binary form or as text. Two
-- servers whose results differ cannot be compared by proof.
-- Locks: none.
SELECT sum(hashtextextended(hash_record_extended(r, 0)::text COLLATE "C", 0))::text AS hash_1,
       sum(hashtextextended(hash_record_extended(r, 0)::text COLLATE "C", 1))::text AS hash_2
  FROM (VALUES
         (ROW(true, 1::int2, 2::int4, 4000000000::oid, 'été'::text, 'naïve'::varchar, '\x00ff'::bytea)),
         (ROW(false, (-1)::int2, NULL::int4, 0::oid, ''::text, NULL::varchar, '\x'::bytea)),
         (ROW('2024-02-29'::date, '52217-01-01'::date, '0044-03-15 BC'::date, 'infinity'::date,
              '00000000-0000-0000-0000-00000000002a'::uuid, 'abc'::bpchar, 'n'::name, charsend((-23)::"char"))),
         (ROW('192.0.2.1/24'::inet, '2001:db8::/32'::cidr, '08:00:2b:01:02:03'::macaddr)),
         (ROW(int8send(-9223372036854775807), int8send(4294967295), time_send('23:59:59.999999'),
              timestamp_send('2024-02-29 12:00:00.000001'), timestamp_send('-infinity'),
              timestamptz_send('2024-02-29 12:00:00+00'), timestamptz_send('infinity'))),
         (ROW(float8send(1.5), float8send('-0'), float8send('NaN'), float4send(0.1), float4send('-infinity'))),
         (ROW((1.00)::numeric::text, ('1 day'::interval)::text, ('{"b": 1, "a": [1, 2.50]}'::jsonb)::text,
              ('{1,NULL}'::int[])::text, ('{0.1,1e300}'::float8[])::text, ('2024-02-29 12:00:00+02'::timestamptz)::text))
       ) AS v (r)
