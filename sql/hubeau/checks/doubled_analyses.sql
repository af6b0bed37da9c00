-- Analyses of rivers that stand in more than one row. The database keeps one out of the same instant only: a sample whose date
-- was corrected may stand in two leaves if somebody inserted it by hand. Looks at all leaves, whatever --from and --to say.
SELECT code_banque_reference, code_analyse, count(*) AS rows, min(ts) AS first_ts, max(ts) AS last_ts
  FROM :target
 WHERE origin = 'surface'
 GROUP BY code_banque_reference, code_analyse
HAVING count(*) > 1
 ORDER BY code_banque_reference, code_analyse;
