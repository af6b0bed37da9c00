-- Whether an attempt has ended its chunk: asked on a new connection when nobody has told us what became of a COMMIT.
-- $1 chunk, $2 attempt
-- Locks: ACCESS SHARE on dwh.chunks.
SELECT outcome, load, figures, gates FROM dwh.chunks
 WHERE chunk = $1::bigint AND attempts = $2::integer AND outcome IN ('done', 'flagged', 'quarantined')
