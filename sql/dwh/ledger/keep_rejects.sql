-- Keeps refused rows, many at a time. Their bytes come as one value, which is sent as it is, and are cut here.
-- $1 load, $2 records, $3 lines, $4 offsets, $5 where each begins in the bytes, from 1, $6 how long each is, $7 the bytes,
-- $8 an array with the reasons of each
-- Locks: ROW EXCLUSIVE on dwh.rejects, FOR KEY SHARE on the row of dwh.loads.
INSERT INTO dwh.rejects (load, record, line, byte_offset, original, reasons)
SELECT $1::bigint, one.record, one.line, one.byte_offset, substring($7::bytea FROM one.start FOR one.length), one.reasons
  FROM ROWS FROM (unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::integer[]), unnest($6::integer[]),
                  jsonb_array_elements($8::jsonb))
       AS one (record, line, byte_offset, start, length, reasons)
