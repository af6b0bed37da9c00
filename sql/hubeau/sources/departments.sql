-- The departments of France: those of Corsica are no numbers, those overseas have three digits.
SELECT to_char(number, 'FM00') FROM generate_series(1, 95) AS number WHERE number <> 20
 UNION ALL
VALUES ('2A'), ('2B'), ('971'), ('972'), ('973'), ('974'), ('976');
