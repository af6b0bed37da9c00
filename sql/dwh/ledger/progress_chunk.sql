-- How far the attempts of one worker are; also its sign of life.
-- $1 worker, $2 array of {chunk, attempt, progress}
-- Locks: ROW EXCLUSIVE on dwh.chunks; a row that somebody is ending is left alone.
UPDATE dwh.chunks AS c
   SET progress = p.progress, progressed_at = clock_timestamp()
  FROM (SELECT n.chunk, w.progress
          FROM jsonb_to_recordset($2::jsonb) AS w (chunk bigint, attempt integer, progress jsonb)
          JOIN dwh.chunks AS n ON n.chunk = w.chunk AND n.attempts = w.attempt
         WHERE n.worker = $1::bigint AND n.ended_at IS NULL
           FOR UPDATE OF n SKIP LOCKED) AS p
 WHERE c.chunk = p.chunk
