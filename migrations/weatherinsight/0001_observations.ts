import { type Column, factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

const products: { table: string; comment: string; values: Record<string, Column> }[] = [
  {
    table: 'hourly_air_temperature',
    comment:
      'Temperature and humidity of the air, 2 m above the ground. The hour x is the reading of ten minutes before it',
    values: {
      air_temperature: { type: 'real', comment: 'Degrees Celsius' },
      relative_humidity: { type: 'real', comment: 'Percent' },
    },
  },
  {
    table: 'hourly_precipitation',
    comment: 'Precipitation of the hour that ends ten minutes before the time',
    values: {
      precipitation: { type: 'real', comment: 'Millimetres' },
      precipitation_fallen: { type: 'smallint', comment: '1 where some fell, of which 0.0 mm may be left' },
      precipitation_form: {
        type: 'smallint',
        comment: '0 none, 1 and 6 rain, 2 and 7 snow, 3 and 8 both, 4 unknown, 9 failure',
      },
    },
  },
  {
    table: 'hourly_wind',
    comment: 'Mean wind of the hour',
    values: {
      wind_speed: { type: 'real', comment: 'Metres a second' },
      wind_direction: { type: 'smallint', comment: 'Where it comes from, in degrees; 0 in a calm' },
    },
  },
  {
    table: 'hourly_pressure',
    comment: 'Pressure of the air',
    values: {
      pressure_sea_level: { type: 'real', comment: 'Reduced to sea level, hPa' },
      pressure_station: { type: 'real', comment: 'At the height of the station, hPa' },
    },
  },
  {
    table: 'hourly_cloud_cover',
    comment: 'Clouds',
    values: {
      cloud_cover_method: { type: 'text', comment: 'P by a person, I by an instrument' },
      cloud_cover: {
        type: 'smallint',
        comment: 'Eighths of the sky; -1 where the sky was not visible, as in fog',
      },
    },
  },
]

/** An hour of a station, one table a product, by year. */
export function up(pgm: MigrationBuilder): void {
  for (const { table, comment, values } of products) {
    factTable(pgm, {
      table: `public.${table}`,
      comment,
      columns: {
        station_id: {
          type: 'integer',
          notNull: true,
          comment: 'Number of the station; 433 is 00433 in the archive',
        },
        measured_at: { type: 'timestamptz', notNull: true, comment: 'The hour' },
        quality: {
          type: 'smallint',
          comment: 'How far the row was checked: 1 its form, 3 routinely, 10 to the end',
        },
        ...values,
        edition: {
          type: 'smallint',
          notNull: true,
          default: '1',
          comment: '2 of the historical files, which were checked and win, 1 of the recent ones',
        },
      },
      key: ['station_id', 'measured_at'],
      partitionBy: 'measured_at',
    })
  }
  pgm.sql(`
CREATE TABLE IF NOT EXISTS public.stations (
  station_id integer NOT NULL,
  product    text    NOT NULL,
  first_day  date    NOT NULL,
  last_day   date    NOT NULL,
  elevation  real,
  latitude   double precision,
  longitude  double precision,
  name       text    NOT NULL,
  state      text,
  access     text,
  PRIMARY KEY (station_id, product)
);
COMMENT ON TABLE  public.stations           IS 'Which station measures what, and since when';
COMMENT ON COLUMN public.stations.last_day  IS 'Of today''s list: stations that still measure have a recent one';
COMMENT ON COLUMN public.stations.elevation IS 'Metres';
COMMENT ON COLUMN public.stations.access    IS 'Whether its data are free; older lists do not say';`)
}

export function down(pgm: MigrationBuilder): void {
  for (const name of ['stations', ...products.map(({ table }) => table)])
    pgm.dropTable({ schema: 'public', name })
}
