-- Up Migration
CREATE TABLE public.station_locations (
  station_id integer NOT NULL,
  product    text    NOT NULL,
  valid_from date    NOT NULL,
  valid_to   date,
  elevation  real,
  latitude   double precision,
  longitude  double precision,
  name       text,
  PRIMARY KEY (station_id, product, valid_from),
  CHECK (valid_to > valid_from)
);
COMMENT ON TABLE  public.station_locations           IS 'Where a station has stood, and when: it moves, and rises or falls with it';
COMMENT ON COLUMN public.station_locations.valid_to  IS 'The first day on which it does not hold any more; NULL while the station stands there';
COMMENT ON COLUMN public.station_locations.elevation IS 'Metres';

-- Down Migration
DROP TABLE public.station_locations;
