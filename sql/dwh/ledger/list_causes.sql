-- Why rows of a load were refused, most frequent first. Reasons that differ in nothing but the values they quote are one
-- cause: what stands between quotes is left out, unless it names the column or the constraint (a leaf is left out too, so
-- that one cause in many leaves is one), and so are numbers and dates, but for those in parentheses, as in varchar(5).
-- $1 load, $2 how many of the first lines
-- Locks: ACCESS SHARE on dwh.rejects.
WITH reasons AS (
  SELECT r.record, r.line, r.replayed_by, one.kind, one."column", one.message, one.sqlstate, one."constraint"
    FROM dwh.rejects AS r,
         jsonb_to_recordset(r.reasons) AS one (kind text, "column" text, message text, sqlstate text, "constraint" text)
   WHERE r.load = $1::bigint
), named AS (
  SELECT *,
         replace(replace(regexp_replace(message, '(: |value )(".*"|«.*»)', '\1…'),
                         coalesce('"' || "column" || '"', ''), coalesce("column", '')),
                 coalesce('"' || "constraint" || '"', ''), coalesce("constraint", '')) AS named
    FROM reasons
), causes AS (
  SELECT *,
         regexp_replace(
           regexp_replace(named, '"[^"]*"|«[^»]*»', '…', 'g'),
           '(?<![[:alnum:]_(])(0x[[:xdigit:]]+( 0x[[:xdigit:]]+)*|[-+]?[0-9]([0-9.,:TZ+ -]*[0-9Z])?)', '…', 'g') AS cause
    FROM named
), numbered AS (
  SELECT *, row_number() OVER (PARTITION BY kind, "column", "constraint", cause ORDER BY record) AS nth
    FROM causes
)
SELECT kind, "column", "constraint", cause AS message, count(*) AS count, count(replayed_by) AS replayed,
       min(message) FILTER (WHERE nth = 1) AS example,
       array_agg(line::float8 ORDER BY record) FILTER (WHERE nth <= $2::integer) AS lines
  FROM numbered
 GROUP BY kind, "column", "constraint", cause
 ORDER BY count(*) DESC, min(record), kind, "column"
