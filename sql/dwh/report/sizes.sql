-- What the datasets of a warehouse took, day by day; of a leaf that was not measured on a day the measure before it counts.
-- $1 warehouse, $2 from, $3 until
-- Locks: ACCESS SHARE on dwh.sizes.
WITH days AS (SELECT DISTINCT day FROM dwh.sizes WHERE warehouse = $1::text AND day >= $2::date AND day < $3::date)
SELECT to_char(d.day, 'YYYY-MM-DD') AS day,
       s.dataset,
       sum(s.heap_bytes + s.index_bytes + s.toast_bytes)::bigint AS bytes,
       sum(s.row_count)::bigint AS rows
  FROM days AS d
 CROSS JOIN LATERAL (
         SELECT DISTINCT ON (m.leaf) m.*
           FROM dwh.sizes AS m
          WHERE m.warehouse = $1::text AND m.day <= d.day AND m.day > d.day - 8
          ORDER BY m.leaf, m.day DESC) AS s
 GROUP BY 1, 2
 ORDER BY 1, 2
