-- Keeps what was measured of a table before or after its conversion; the first measure before stays.
-- $1 conversion, $2 before (or NULL), $3 after (or NULL), $4 the backup (or NULL)
-- Locks: ROW EXCLUSIVE on dwh.conversions.
UPDATE dwh.conversions
   SET before = CASE WHEN before = '{}' THEN coalesce($2::jsonb, before) ELSE before END,
       after = coalesce($3::jsonb, after),
       backup = coalesce(backup, $4::text)
 WHERE conversion = $1::bigint
