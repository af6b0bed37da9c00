import type { Api, Reply } from './api-server.ts'
import { type Member, zip } from './zip.ts'

export type ProductName = 'air_temperature' | 'precipitation' | 'wind' | 'pressure' | 'cloud_cover'

/** How the archive writes a product: its code, its directory, its columns with their padding. */
const formats: Record<
  ProductName,
  { code: string; directory: string; header: string; old: string; widths: number[] }
> = {
  air_temperature: {
    code: 'TU',
    directory: 'air_temperature',
    header: 'QN_9;TT_TU;RF_TU;eor',
    old: ' QUALITAETS_NIVEAU; STRUKTUR_VERSION; LUFTTEMPERATUR;REL_FEUCHTE;eor',
    widths: [6, 6],
  },
  precipitation: {
    code: 'RR',
    directory: 'precipitation',
    header: 'QN_8;  R1;RS_IND;WRTR;eor',
    old: ' QUALITAETS_NIVEAU; STRUKTUR_VERSION; NIEDERSCHLAGSHOEHE;NIEDERSCHLAG_GEFALLEN_IND;NIEDERSCHLAGSFORM;eor',
    widths: [6, 4, 4],
  },
  wind: {
    code: 'FF',
    directory: 'wind',
    header: 'QN_3;   F;   D;eor',
    old: ' QUALITAETS_NIVEAU; STRUKTUR_VERSION; WINDGESCHWINDIGKEIT;WINDRICHTUNG;eor',
    widths: [6, 4],
  },
  pressure: {
    code: 'P0',
    directory: 'pressure',
    header: 'QN_8;   P;  P0;eor',
    old: ' QUALITAETS_NIVEAU; STRUKTUR_VERSION; LUFTDRUCK_REDUZIERT;LUFTDRUCK_STATIONSHOEHE;eor',
    widths: [7, 7],
  },
  cloud_cover: {
    code: 'N',
    directory: 'cloudiness',
    header: 'QN_8;V_N_I; V_N;eor',
    old: ' QUALITAETS_NIVEAU; STRUKTUR_VERSION; GESAMT_BEDECKUNGSGRAD;eor',
    widths: [4, 4],
  },
}

/** Values of one hour, as they stand in a file: `['1.6', '80']`; undefined where the hour is absent. */
export type ValuesOf = (hour: number) => string[] | undefined

export interface StationFile {
  product: ProductName
  station: number
  /** Days like 20180915, both included. */
  from: number
  to: number
  historical?: boolean
  quality?: number
  values: ValuesOf
  /** Names of columns and of the member as in 2016. */
  old?: boolean
}

/** Hours since 1970 at the beginning of a day like 20180915. */
export function hourOf(day: number): number {
  return Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1, day % 100) / 3600_000
}

/** A product file: padded cells, CRLF. */
export function productText({
  product,
  station,
  from,
  to,
  quality = 3,
  values,
  old = false,
}: StationFile): string {
  const { header, widths, old: oldHeader } = formats[product]
  const lines = [old ? `STATIONS_ID; MESS_DATUM;${oldHeader}` : `STATIONS_ID;MESS_DATUM;${header}`]
  for (let hour = hourOf(from); hour < hourOf(to) + 24; hour++) {
    const cells = values(hour)
    if (!cells) continue
    const time = new Date(hour * 3600_000).toISOString().replace(/[-T]/g, '').slice(0, 10)
    const padded = cells.map((cell, index) => cell.padStart(widths[index] ?? 5))
    const version = old ? [String(38).padStart(4)] : []
    const row = [
      String(station).padStart(11),
      time,
      String(quality).padStart(5),
      ...version,
      ...padded,
      'eor',
    ]
    lines.push(row.join(';'))
  }
  return `${lines.join('\r\n')}\r\n`
}

/** The zip of a station, with what the archive puts beside the product file. */
export function stationZip(file: StationFile, extra: Member[] = []): Buffer {
  const { code } = formats[file.product]
  const id = five(file.station)
  const name = file.old
    ? `produkt_temp_Terminwerte_${file.from}_${file.to}_${id}.txt`
    : `produkt_${code.toLowerCase()}_stunde_${file.from}_${file.to}_${id}.txt`
  const geography = `Stations_id;Stationshoehe;Geogr.Breite;Geogr.Laenge;von_datum;bis_datum;Stationsname\r\n${file.station};  386.70; 51.2454;  7.6425;${file.from};        ;Lüdenscheid\r\n`
  return zip([
    { name: `Metadaten_Geographie_${id}.txt`, content: Buffer.from(geography, 'latin1') },
    { name: `Metadaten_Parameter_${code.toLowerCase()}_stunde_${id}.html`, content: '<html></html>' },
    { name, content: productText(file) },
    ...extra,
  ])
}

/** `wind/recent/stundenwerte_FF_00433_akt.zip` */
export function pathOf({ product, station, from, to, historical = false }: StationFile): string {
  const { code, directory } = formats[product]
  const end = historical ? `${from}_${to}_hist` : 'akt'
  return `${directory}/${historical ? 'historical' : 'recent'}/stundenwerte_${code}_${five(station)}_${end}.zip`
}

function five(station: number): string {
  return String(station).padStart(5, '0')
}

/** What lies in the archive: bytes, or what is answered instead, by their paths below its root. */
export type Files = Map<string, Buffer | Reply>

/** An archive of these files. */
export function filesOf(files: StationFile[]): Files {
  return new Map(files.map((file) => [pathOf(file), stationZip(file)]))
}

/** Plays the archive below `/hourly`, with pages for its folders as nginx makes them. */
export function dwdArchive(files: Files, dated: (path: string) => string = () => '29-Mar-2020 08:55'): Api {
  return ({ url }) => {
    if (!url.pathname.startsWith('/hourly/')) return undefined
    const path = url.pathname.slice('/hourly/'.length)
    if (path.endsWith('/'))
      return { headers: { 'content-type': 'text/html' }, body: indexPage(path, files, dated) }
    const found = files.get(path)
    if (found === undefined) return { status: 404, body: '<h1>404 Not Found</h1>' }
    if (!Buffer.isBuffer(found)) return found
    return { headers: { 'content-type': 'application/zip' }, body: found }
  }
}

function indexPage(folder: string, files: Files, dated: (path: string) => string): string {
  const lines = [...files].flatMap(([path, body]) => {
    if (!path.startsWith(folder)) return []
    const name = path.slice(folder.length)
    const shown = name.length > 50 ? `${name.slice(0, 47)}..&gt;` : name
    const size = Buffer.isBuffer(body) ? body.length : 70_000
    return [
      `<a href="${name}">${shown}</a>${' '.repeat(51 - Math.min(50, name.length))}${dated(path)} ${String(size).padStart(19)}`,
    ]
  })
  return `<html>\n<head><title>Index of /${folder}</title></head>\n<body>\n<h1>Index of /${folder}</h1><hr><pre><a href="../">../</a>\n${lines.join('\n')}\n</pre><hr></body>\n</html>\n`
}
