import { createHash } from 'node:crypto'
import type { Index } from './archive.ts'
import { type Hours, hourOfDay } from './hours.ts'
import type { Edition } from './index-page.ts'

/** The files of one station that have hours of a window, in the order in which they win. */
export interface StationFiles {
  station: number
  editions: Edition[]
}

export interface Choice {
  hours: Hours
  /** All unless given. */
  stations: Set<number> | undefined
  /** Names of files that the index names and the archive does not have. */
  missing: Set<string>
}

/**
 * Historical files have been checked to the end, and win. A recent one is read only where no historical one of its station
 * reaches the end of the window: a year of long ago takes one file a station, whose name tells that it has that year.
 */
export function filesOf({ historical, recent }: Index, { hours, stations, missing }: Choice): StationFiles[] {
  const found = new Map<number, Edition[]>()
  const isMeant = ({ station, name }: Edition) => (stations?.has(station) ?? true) && !missing.has(name)
  const all = [...historical.editions, ...recent.editions].filter(isMeant)
  for (const edition of all.toSorted(byRank)) {
    const before = found.get(edition.station) ?? []
    if (edition.to === undefined ? !before.some(({ to }) => reachesEnd(to, hours)) : overlaps(edition, hours))
      found.set(edition.station, [...before, edition])
  }
  return [...found]
    .map(([station, editions]) => ({ station, editions }))
    .toSorted((a, b) => a.station - b.station)
}

/** Of two historical files, as they lie there while the archive is updated, the one that goes further. */
function byRank(a: Edition, b: Edition): number {
  return b.rank - a.rank || (b.to ?? 0) - (a.to ?? 0)
}

function reachesEnd(to: number | undefined, hours: Hours): boolean {
  return to !== undefined && hourOfDay(to) + 24 >= hours.to
}

function overlaps({ from = 0, to = 0 }: Edition, hours: Hours): boolean {
  return hourOfDay(from) < hours.to && hourOfDay(to) + 24 > hours.from
}

/** What a recent file holds, as measured: the archive says some 500 days. */
const recentHours = 13_200

/** Hours that the files can have at the most. */
export function mostRows(files: StationFiles[], hours: Hours): number {
  const all = hours.to - hours.from
  const overlap = ({ from = 0, to = 0 }: Edition) =>
    Math.min(hours.to, hourOfDay(to) + 24) - Math.max(hours.from, hourOfDay(from))
  const rows = ({ editions }: StationFiles) =>
    editions.reduce((sum, edition) => sum + (edition.to === undefined ? recentHours : overlap(edition)), 0)
  return files.reduce((sum, one) => sum + Math.min(all, rows(one)), 0)
}

/** @returns undefined where the index tells neither dates nor sizes of the files */
export function listedFingerprint(files: StationFiles[], missing: Set<string>): string | undefined {
  const editions = files.flatMap((one) => one.editions)
  if (editions.some(({ listed }) => listed === '')) return undefined
  return fingerprint([
    ...editions.map(({ name, listed }) => `${name} ${listed}`),
    ...[...missing].map((name) => `${name} is missing`),
  ])
}

export function fingerprint(lines: string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}
