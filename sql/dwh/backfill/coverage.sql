-- What has become of the windows of a dataset, oldest first: what was taken back or gave way to a later chunk is left out.
-- $1 warehouse, $2 dataset, $3 source or NULL
-- Locks: ACCESS SHARE on dwh.chunks.
SELECT c.chunk, c.backfill, c.source, c.parameters, c.code, c.attempts, c.error_code,
       left(regexp_replace(c.error, '\s+', ' ', 'g'), 300) AS error,
       c.window_from::text AS window_from,
       c.window_to::text AS window_to,
       c.outcome,
       c.ended_at,
       -- What the proof counted in the table; else what the chunk has brought.
       coalesce((c.proof ->> 'rows')::float8,
                (c.figures ->> 'inserted')::float8 + (c.figures ->> 'updated')::float8 + (c.figures ->> 'unchanged')::float8
                + (c.figures ->> 'moved')::float8, 0) AS rows,
       coalesce((c.figures ->> 'rejected')::float8, 0) AS rejected,
       ARRAY(SELECT g ->> 'gate' FROM jsonb_array_elements(c.gates) AS g WHERE NOT (g ->> 'passed')::boolean) AS failed_gates
  FROM dwh.chunks AS c
 WHERE c.warehouse = $1::text AND c.dataset = $2::text AND c.source = coalesce($3::text, c.source)
   AND c.superseded_by IS NULL AND c.undone_at IS NULL AND c.outcome IS DISTINCT FROM 'cancelled'
 ORDER BY c.chunk
