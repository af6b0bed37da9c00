-- Keeps how large tables are today; the last measure of a day counts.
-- $1 warehouse, $2 a JSON array of {dataset, leaf, row_count, heap_bytes, index_bytes, toast_bytes, dead_rows}
-- Locks: ROW EXCLUSIVE on dwh.sizes.
INSERT INTO dwh.sizes (day, warehouse, leaf, dataset, row_count, heap_bytes, index_bytes, toast_bytes, dead_rows)
SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, $1::text, s.leaf, s.dataset, s.row_count, s.heap_bytes, s.index_bytes,
       s.toast_bytes, s.dead_rows
  FROM jsonb_to_recordset($2::jsonb) AS s (dataset text, leaf text, row_count bigint, heap_bytes bigint, index_bytes bigint,
                                           toast_bytes bigint, dead_rows bigint)
    ON CONFLICT (warehouse, leaf, day) DO UPDATE
   SET dataset = excluded.dataset, row_count = excluded.row_count, heap_bytes = excluded.heap_bytes,
       index_bytes = excluded.index_bytes, toast_bytes = excluded.toast_bytes, dead_rows = excluded.dead_rows
