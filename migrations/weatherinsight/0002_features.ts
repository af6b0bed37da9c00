import { type Column, factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

const real = (comment: string): Column => ({ type: 'double precision', comment })
const hours = (comment: string): Column => ({ type: 'integer', comment })

const products: { table: string; comment: string; features: Record<string, Column> }[] = [
  {
    table: 'quarterly_temperature_features',
    comment: 'Temperature of a station in a quarter, degrees Celsius',
    features: {
      mean_temperature: real('Mean'),
      min_temperature: real('Lowest'),
      max_temperature: real('Highest'),
      stddev_temperature: real('Standard deviation of the hours'),
      frost_hours: hours('Below 0 °C'),
      frost_days: hours('Days with an hour below 0 °C'),
      summer_days: hours('Days with an hour of 25 °C or more'),
    },
  },
  {
    table: 'quarterly_precipitation_features',
    comment: 'Precipitation at a station in a quarter, millimetres',
    features: {
      total_precipitation: real('Sum'),
      max_hourly_precipitation: real('Of the hour with the most'),
      max_daily_precipitation: real('Of the day with the most'),
      wet_hours: hours('0.1 mm or more'),
      wet_days: hours('Days of 1 mm or more'),
    },
  },
  {
    table: 'quarterly_wind_features',
    comment: 'Wind at a station in a quarter, metres a second',
    features: {
      mean_wind_speed: real('Mean'),
      max_wind_speed: real('Highest mean of an hour'),
      stddev_wind_speed: real('Standard deviation of the hours'),
      calm_hours: hours('Below 0.5 m/s'),
      storm_hours: hours('17.2 m/s or more'),
      prevailing_direction: real(
        'Direction of the sum of all hours as vectors, degrees; NULL where they cancel out',
      ),
    },
  },
  {
    table: 'quarterly_pressure_features',
    comment: 'Pressure of the air at a station in a quarter, hPa',
    features: {
      mean_pressure_sea_level: real('Mean, reduced to sea level'),
      min_pressure_sea_level: real('Lowest, reduced to sea level'),
      max_pressure_sea_level: real('Highest, reduced to sea level'),
      stddev_pressure_sea_level: real('Standard deviation of the hours'),
      mean_pressure_station: real('Mean at the height of the station'),
    },
  },
  {
    table: 'quarterly_humidity_features',
    comment: 'Relative humidity at a station in a quarter, percent',
    features: {
      mean_humidity: real('Mean'),
      min_humidity: real('Lowest'),
      max_humidity: real('Highest'),
      stddev_humidity: real('Standard deviation of the hours'),
      damp_hours: hours('95 % or more'),
    },
  },
  {
    table: 'quarterly_cloud_cover_features',
    comment: 'Clouds over a station in a quarter, eighths of the sky',
    features: {
      mean_cloud_cover: real('Mean of the hours with a visible sky'),
      clear_hours: hours('One eighth or less'),
      overcast_hours: hours('Eight eighths'),
      invisible_hours: hours('The sky was not visible'),
    },
  },
]

/** A quarter of a station, one table a product, by year. */
export function up(pgm: MigrationBuilder): void {
  for (const { table, comment, features } of products) {
    factTable(pgm, {
      table: `public.${table}`,
      comment,
      columns: {
        station_id: { type: 'integer', notNull: true },
        year: { type: 'integer', notNull: true },
        quarter: { type: 'integer', notNull: true },
        hours_observed: { type: 'integer', notNull: true, comment: 'Hours with a value' },
        coverage: {
          type: 'double precision',
          notNull: true,
          comment: 'Those of all hours of the quarter, from 0 to 1',
        },
        ...features,
      },
      key: ['station_id', 'year', 'quarter'],
      partitionBy: ['year', 'quarter'],
    })
  }
}

export function down(pgm: MigrationBuilder): void {
  for (const { table } of products) pgm.dropTable({ schema: 'public', name: table })
}
