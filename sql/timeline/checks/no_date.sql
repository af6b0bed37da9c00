-- Entries without a date, which no year has.
SELECT external_id, entry_type, summary, created_at
  FROM :target
 WHERE occurred_at IS NULL
 ORDER BY created_at DESC, external_id;
