-- Entries more than a year ahead: appointments are made for months.
SELECT external_id, occurred_at, entry_type, summary
  FROM :target
 WHERE occurred_at >= greatest(:from, now() + interval '1 year') AND occurred_at < :to
 ORDER BY occurred_at DESC, external_id;
