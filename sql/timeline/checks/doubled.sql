-- Entries that stand in more than one row: in two leaves, of which one has a date that was corrected since. It is asked of all
-- leaves, whatever --from and --to say.
SELECT external_id, count(*) AS rows, min(occurred_at) AS first_date, max(occurred_at) AS last_date
  FROM :target
 GROUP BY external_id
HAVING count(*) > 1
 ORDER BY external_id;
