-- Why rows of some backfills were refused, told from the first rejects of the newest loads that have any: a sample, so that
-- a million of them cost no more than a hundred.
-- $1 backfills, $2 how many loads of a backfill, $3 how many rejects of a load
-- Locks: ACCESS SHARE on dwh.chunks and dwh.rejects.
WITH loads AS (
  SELECT b.backfill, c.load
    FROM unnest($1::bigint[]) AS b (backfill)
   CROSS JOIN LATERAL (
           SELECT c.load FROM dwh.chunks AS c
            WHERE c.backfill = b.backfill AND c.load IS NOT NULL AND (c.figures ->> 'rejected')::float8 > 0
            ORDER BY c.ended_at DESC NULLS LAST
            LIMIT $2::integer) AS c
), sample AS (
  SELECT l.backfill, r.load, r.record, r.reasons -> 0 AS reason
    FROM loads AS l
   CROSS JOIN LATERAL (
           SELECT r.load, r.record, r.reasons FROM dwh.rejects AS r
            WHERE r.load = l.load
            ORDER BY r.record
            LIMIT $3::integer) AS r
)
SELECT backfill,
       reason ->> 'kind' AS kind,
       reason ->> 'column' AS "column",
       reason ->> 'constraint' AS "constraint",
       count(*) AS count,
       left((array_agg(reason ->> 'message' ORDER BY load DESC, record))[1], 200) AS example
  FROM sample
 GROUP BY backfill, 2, 3, 4
 ORDER BY backfill, count(*) DESC, 2, 3, 4
