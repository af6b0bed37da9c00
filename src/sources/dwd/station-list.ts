import { isUtf8 } from 'node:buffer'
import { DwhError } from '../../errors.ts'

const columns = [
  'station_id',
  'first_day',
  'last_day',
  'elevation',
  'latitude',
  'longitude',
  'name',
  'state',
  'access',
]

/** Six fields and what follows them. Numbers of stations have zeros in front or not, by the age of the list. */
const line = /^\s*(\d+)\s+(\d{8})\s+(\d{8})\s+(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)\s(.*)$/

/** The name of a station is padded to as many characters. */
const nameLength = 40

/**
 * Makes csv of a list of stations: Latin-1, two lines of header, names with spaces in a field of fixed width, in some editions
 * the byte of MS-DOS for the end of a text. Newer lists say at the end of a line whether the data are free.
 *
 * @returns with a header; a line that is no station becomes one field, which is no record for whoever reads it
 * @throws DwhError INPUT_BROKEN for a text that is no such list
 */
export function stationRows(list: Buffer): string {
  const text = list.toString(isUtf8(list) ? 'utf8' : 'latin1').replaceAll('\u001a', '')
  const [header = '', ...lines] = text.split(/\r?\n/)
  if (!/^\W*Stations_id\b/i.test(header))
    throw new DwhError(
      'INPUT_BROKEN',
      `the list of stations begins with ${JSON.stringify(header.slice(0, 100))}`,
      {
        hint: 'its first line used to begin with Stations_id: the archive may have changed its format',
      },
    )
  const stations = lines.filter((one) => !/^[-\s]*$/.test(one))
  return [columns.join(','), ...stations.map(rowOf), ''].join('\n')
}

function rowOf(text: string): string {
  const [, station, from, to, elevation, latitude, longitude, rest] = line.exec(text.trimEnd()) ?? []
  const padding = rest?.[nameLength] ?? ' '
  if (rest === undefined || padding !== ' ') return quoted(text)
  const [state = '', access = ''] = rest
    .slice(nameLength)
    .trim()
    .split(/\s{2,}/)
  const fields = [String(Number(station)), day(from), day(to), elevation, latitude, longitude]
  return [
    ...fields,
    ...[rest.slice(0, nameLength).trim(), state, access].map((field) => field && quoted(field)),
  ].join(',')
}

function day(text = ''): string {
  return `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
