-- Places of a station that hold on the same day: a correction of the archive has moved the day of a relocation, and the place as
-- it was before is still there. --force replaces all of them.
SELECT station_id, product, valid_from, valid_to, next_from
  FROM (SELECT station_id, product, valid_from, valid_to,
               lead(valid_from) OVER (PARTITION BY station_id, product ORDER BY valid_from) AS next_from
          FROM :target) AS p
 WHERE next_from < coalesce(valid_to, 'infinity')
 ORDER BY station_id, product, valid_from;
