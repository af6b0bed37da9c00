import { isUtf8 } from 'node:buffer'
import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../errors.ts'
import { fill, type Stored } from '../file/byte-stream.ts'

/** In order; `valid_to` is the first day that a place does not hold any more. */
export const locationColumns = [
  'station_id',
  'valid_from',
  'valid_to',
  'elevation',
  'latitude',
  'longitude',
  'name',
]

/** Where a station has stood since it was opened: some kilobytes. Files of 2016 call it otherwise, with the same columns. */
export const geographyMembers = '{Metadaten_Geographie,Stationsmetadaten}_*.txt'

const largest = 1024 ** 2

const header = /^\W*Stations_id;\s*Stationshoehe;\s*Geogr\.Breite;\s*Geogr\.Laenge;\s*von_datum;\s*bis_datum/i
const place =
  /^\s*(\d+);\s*(-?[\d.]+);\s*(-?[\d.]+);\s*(-?[\d.]+);\s*(\d{8});\s*(\d{8})?\s*;\s*([^;]*?)\s*;?\s*$/

/**
 * Makes csv of the places of one station: Latin-1, padded cells, the last place without an end.
 *
 * @returns lines without a header; a line that is no place becomes one field, which is no record for whoever reads it
 * @throws DwhError INPUT_BROKEN for a text that is no such list
 */
export async function locationRows(member: Stored): Promise<string> {
  const text = (await textOf(member)).replaceAll('\u001a', '')
  const [first = '', ...lines] = text.split(/\r?\n/)
  if (!header.test(first))
    throw new DwhError('INPUT_BROKEN', `${member.name} begins with ${JSON.stringify(first.slice(0, 100))}`, {
      hint: 'its first line used to begin with Stations_id;Stationshoehe: the archive may have changed its format',
    })
  return lines.flatMap((line) => (/^\s*$/.test(line) ? [] : [`${rowOf(line)}\n`])).join('')
}

function rowOf(line: string): string {
  const [, station, elevation, latitude, longitude, from, to, name = ''] = place.exec(line) ?? []
  const [begin, end] = [dayOf(from), to === undefined ? '' : dayOf(to)?.add({ days: 1 })]
  if (station === undefined || begin === undefined || end === undefined) return quoted(line.trimEnd())
  return [String(Number(station)), begin, end, elevation, latitude, longitude, quoted(name)].join(',')
}

function dayOf(text = ''): Temporal.PlainDate | undefined {
  try {
    return Temporal.PlainDate.from(text)
  } catch {
    return undefined
  }
}

async function textOf(member: Stored): Promise<string> {
  if (member.bytes > largest)
    throw new DwhError(
      'INPUT_BROKEN',
      `${member.name} says that it has ${member.bytes} bytes unpacked, and no list of places has more than ${largest}; it was not unpacked`,
    )
  await using stream = await member.open()
  const bytes = Buffer.alloc(member.bytes)
  const filled = await fill(stream, bytes, 0)
  // What is longer than it says is refused where its end is looked for.
  await stream.read(Buffer.alloc(1), 0)
  const text = bytes.subarray(0, filled)
  return text.toString(isUtf8(text) ? 'utf8' : 'latin1')
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
