-- Rejects of a load in the order of the input: as many of the next as are not too long together, and one at the least. How
-- long a value is does not need it to be read.
-- $1 load, $2 after this record, $3 how many at the most, $4 bytes, $5 whether those that were replayed are left out
-- Locks: ACCESS SHARE on dwh.rejects.
SELECT record, line, byte_offset AS "offset", original, reasons, replayed_by
  FROM (SELECT *,
               sum(octet_length(original)) OVER (ORDER BY record) - octet_length(original) AS bytes_before
          FROM (SELECT *
                  FROM dwh.rejects
                 WHERE load = $1::bigint AND record > $2::bigint AND NOT ($5::boolean AND replayed_by IS NOT NULL)
                 ORDER BY record
                 LIMIT $3::integer) AS next) AS measured
 WHERE bytes_before < $4::bigint
 ORDER BY record
