-- The wells whose levels are asked for: those that had begun before the window ended, and whose last measure, as the list of
-- stations knows it, is no more than two years older than the window. The list may be older than the window.
SELECT station_code
  FROM public.station
 WHERE theme = 'piezo'
   AND (first_on IS NULL OR first_on < :to)
   AND (last_on IS NULL OR last_on >= :from::date - 730)
   AND (:code_departement = '' OR departement_code = ANY (string_to_array(:code_departement, ',')))
   AND (:region = '' OR departement_code IN (SELECT unnest(r.departement_codes) FROM public.region AS r
                                              WHERE r.code = ANY (string_to_array(:region, ',')) OR r.name = ANY (string_to_array(:region, ','))))
   AND (:network = '' OR station_code IN (SELECT g.station_code FROM public.station_group AS g
                                           WHERE g.theme = 'piezo' AND g.name = ANY (string_to_array(:network, ','))))
