-- Stations, and Sandre's lists of parameters and units.

-- Up Migration

CREATE TABLE IF NOT EXISTS public.station (
  theme            text NOT NULL,
  station_code     text NOT NULL,
  site_code        text,
  name             text,
  longitude        double precision,
  latitude         double precision,
  altitude         double precision,
  commune_code     text,
  commune          text,
  departement_code text,
  departement      text,
  first_on         date,
  last_on          date,
  PRIMARY KEY (theme, station_code)
);
COMMENT ON TABLE  public.station              IS 'Stations of all themes';
COMMENT ON COLUMN public.station.theme        IS 'piezo, hydro, temp, surface or groundwater';
COMMENT ON COLUMN public.station.station_code IS 'code_bss (piezo), bss_id (groundwater) or the code of the station';
COMMENT ON COLUMN public.station.site_code    IS 'Of rivers the site; of groundwater the other of code_bss and bss_id';
CREATE INDEX IF NOT EXISTS station_departement ON public.station (departement_code, theme);

CREATE TABLE IF NOT EXISTS public.sandre_parameter (
  code   text PRIMARY KEY,
  name   text NOT NULL,
  status text
);
COMMENT ON TABLE public.sandre_parameter IS 'What Sandre calls the parameters';

CREATE TABLE IF NOT EXISTS public.sandre_unit (
  code   text PRIMARY KEY,
  name   text NOT NULL,
  symbol text
);
COMMENT ON TABLE public.sandre_unit IS 'What Sandre calls the units';

-- Down Migration

DROP TABLE public.sandre_unit, public.sandre_parameter, public.station;
