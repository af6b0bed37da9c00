/** What one hour of one station is about, and how the archive and its files name it. */
export interface Product {
  /** In the names of files: stundenwerte_TU_00433_akt.zip */
  code: string
  /** Below `hourly/` of the archive. */
  directory: string
  values: Value[]
}

interface Value {
  column: string
  /** Names in the header of a product file: of today, and of the editions of 2016. */
  names: string[]
}

/** By the names that the warehouse file uses. */
export const products = {
  air_temperature: {
    code: 'TU',
    directory: 'air_temperature',
    values: [
      { column: 'air_temperature', names: ['TT_TU', 'LUFTTEMPERATUR'] },
      { column: 'relative_humidity', names: ['RF_TU', 'REL_FEUCHTE'] },
    ],
  },
  precipitation: {
    code: 'RR',
    directory: 'precipitation',
    values: [
      { column: 'precipitation', names: ['R1', 'NIEDERSCHLAGSHOEHE'] },
      { column: 'precipitation_fallen', names: ['RS_IND', 'NIEDERSCHLAG_GEFALLEN_IND'] },
      { column: 'precipitation_form', names: ['WRTR', 'NIEDERSCHLAGSFORM'] },
    ],
  },
  wind: {
    code: 'FF',
    directory: 'wind',
    values: [
      { column: 'wind_speed', names: ['F', 'WINDGESCHWINDIGKEIT'] },
      { column: 'wind_direction', names: ['D', 'WINDRICHTUNG'] },
    ],
  },
  pressure: {
    code: 'P0',
    directory: 'pressure',
    values: [
      { column: 'pressure_sea_level', names: ['P', 'LUFTDRUCK_REDUZIERT'] },
      { column: 'pressure_station', names: ['P0', 'LUFTDRUCK_STATIONSHOEHE'] },
    ],
  },
  cloud_cover: {
    code: 'N',
    directory: 'cloudiness',
    values: [
      // The editions of 2016 do not say how it was observed.
      { column: 'cloud_cover_method', names: ['V_N_I'] },
      { column: 'cloud_cover', names: ['V_N', 'GESAMT_BEDECKUNGSGRAD'] },
    ],
  },
} satisfies Record<string, Product>

/** Columns that are not in every edition of the files. */
const mayLack = ['cloud_cover_method']

/** The columns of the rows of a product, in order; `edition` is 2 of the historical files and 1 of the recent ones. */
export function columnsOf({ values }: Product): string[] {
  return ['station_id', 'measured_at', 'quality', ...values.map(({ column }) => column), 'edition']
}

/** Where the cells of a product file are. */
export interface Layout {
  /** Cells of a line, the end mark among them. */
  cells: number
  station: number
  time: number
  /** Index of the cell for the quality and for each value; -1 where this edition has none. */
  sources: number[]
}

/** @returns the names that are missing, where some are */
export function layoutOf(
  { values }: Product,
  header: string,
): Layout | { missing: string[]; found: string[] } {
  const found = header.split(';').map((cell) => cell.trim().toUpperCase())
  const at = (names: string[]) => found.findIndex((name) => names.includes(name))
  const station = at(['STATIONS_ID'])
  const time = at(['MESS_DATUM'])
  const quality = found.findIndex((name) => /^QN_\d+$|^QUALITAETS_NIVEAU$/.test(name))
  const sources = values.map(({ names }) => at(names))
  const missing = [
    ...(station < 0 ? ['STATIONS_ID'] : []),
    ...(time < 0 ? ['MESS_DATUM'] : []),
    ...(quality < 0 ? ['QN_…'] : []),
    ...values.flatMap(({ column, names }, index) =>
      (sources[index] as number) < 0 && !mayLack.includes(column) ? [names[0] as string] : [],
    ),
  ]
  return missing.length > 0
    ? { missing, found }
    : { cells: found.length, station, time, sources: [quality, ...sources] }
}
