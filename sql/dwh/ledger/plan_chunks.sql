-- The chunks of a backfill, all in one statement, in the order of the array. A window that another backfill has not ended yet
-- is refused by the unique index chunks_open.
-- $1 backfill, $2 warehouse, $3 array of {dataset, source, schema_name, table_name, window_from, window_to, zone, parameters, code}
-- Locks: ROW EXCLUSIVE on dwh.chunks; waits for a plan of the same window that is being committed.
INSERT INTO dwh.chunks (backfill, place, warehouse, dataset, source, schema_name, table_name, window_from, window_to, zone, parameters, code)
SELECT $1::bigint, w.place, $2::text, w.chunk->>'dataset', w.chunk->>'source', w.chunk->>'schema_name', w.chunk->>'table_name',
       (w.chunk->>'window_from')::date, (w.chunk->>'window_to')::date, w.chunk->>'zone', w.chunk->'parameters', w.chunk->>'code'
  FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS w (chunk, place)
