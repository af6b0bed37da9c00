-- Stations without coordinates, or with some that lie neither in metropolitan France nor in an overseas department.
SELECT theme, station_code, name, longitude, latitude
  FROM :target
 WHERE longitude IS NULL
    OR latitude IS NULL
    OR NOT (   (longitude BETWEEN -6 AND 10 AND latitude BETWEEN 41 AND 52)
            OR (longitude BETWEEN -64 AND -50 AND latitude BETWEEN 2 AND 19)
            OR (longitude BETWEEN 44 AND 57 AND latitude BETWEEN -22 AND -11)
            OR (longitude BETWEEN -57 AND -55 AND latitude BETWEEN 46 AND 48))
 ORDER BY theme, station_code;
