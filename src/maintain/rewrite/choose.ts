import type { Dataset, Warehouse } from '../../warehouse/load.ts'
import { plainBytes } from '../words.ts'
import type { Bloat } from './measure.ts'

export type Method = Warehouse['maintenance']['methods'][number]

/** What the warehouse file allows for one table. */
export interface RewriteSettings {
  bloat: number
  minSize: number
  methods: Method[]
  allowBlocking: boolean
}

/** What is true of one table. */
export interface RewriteFacts {
  bloat: Bloat | undefined
  /** Behind its last row. */
  hasFreeTail: boolean
  /** Why pg_repack cannot be used for it; undefined where it can. */
  repackObstacle: string | undefined
  isOwner: boolean
  tablespace: string | undefined
  /** Of the disk that it lies on; undefined where that cannot be seen from here. */
  freeDisk: number | undefined
  /** Live rows with their indexes. */
  liveBytes: number
}

export interface Choice {
  method: Method | 'nothing'
  reason: string
}

/** A rewrite needs room for what it writes while the old files are there, and for its sorts. */
export const room = 1.2

export function settingsOf({ maintenance }: Warehouse, dataset: Dataset): RewriteSettings {
  return {
    bloat: dataset.maintenance.bloat ?? maintenance.bloat,
    minSize: maintenance.min_size,
    methods: maintenance.methods,
    allowBlocking: dataset.maintenance.allow_blocking ?? maintenance.allow_blocking,
  }
}

/** Whether the size and the bloat of a table call for anything; the reason where they do not. */
export function isBloated(bloat: Bloat | undefined, settings: RewriteSettings): string | undefined {
  if (!bloat) return 'it was never analyzed, and nothing is known of its rows'
  if (bloat.bytes < settings.minSize) return `it is smaller than ${plainBytes(settings.minSize)}`
  return bloat.share < settings.bloat ? `only ${told(bloat)}` : undefined
}

/** The mildest way that frees something: VACUUM, then pg_repack, then VACUUM FULL. */
export function choose(facts: RewriteFacts, settings: RewriteSettings): Choice {
  const { bloat } = facts
  const sound = isBloated(bloat, settings)
  if (sound !== undefined || !bloat) return { method: 'nothing', reason: sound ?? '' }
  const found = told(bloat)
  const may = (method: Method) => settings.methods.includes(method)
  if (facts.hasFreeTail && may('vacuum'))
    return { method: 'vacuum', reason: `${found}, at its end, where VACUUM gives it back` }
  const obstacles: string[] = []
  for (const method of ['repack', 'full'] as const) {
    const obstacle = may(method)
      ? (obstacleOf(method, facts, settings) ?? roomFor(facts))
      : 'not among methods'
    if (obstacle === undefined) return { method, reason: found }
    obstacles.push(`${method === 'repack' ? 'pg_repack' : 'VACUUM FULL'}: ${obstacle}`)
  }
  const why = obstacles.join('; ')
  if (!may('vacuum')) return { method: 'nothing', reason: `${found}, and no method is left (${why})` }
  return { method: 'vacuum', reason: `${found}; it becomes free for new rows, not for the disk (${why})` }
}

function obstacleOf(method: 'repack' | 'full', facts: RewriteFacts, settings: RewriteSettings) {
  if (method === 'repack') return facts.repackObstacle
  if (!settings.allowBlocking) return 'allow_blocking is not set'
  if (!facts.isOwner) return 'the role does not own it'
  return facts.tablespace === undefined ? undefined : 'it cannot write into another tablespace'
}

/** Of another tablespace nobody can tell from here. */
function roomFor({ freeDisk, liveBytes, tablespace }: RewriteFacts): string | undefined {
  const needed = room * liveBytes
  if (tablespace !== undefined || freeDisk === undefined || freeDisk >= needed) return undefined
  return `it needs ${plainBytes(needed)} of the disk, and ${plainBytes(freeDisk)} are free`
}

/** How much of it is free, for reasons. */
export function told({ share, dead, free, is_estimate }: Bloat): string {
  const percent = `${Math.round(100 * share)} % of it`
  if (is_estimate) return `${percent} is free by estimate (${plainBytes(free)})`
  return `${percent} is free (${plainBytes(free)}) or dead (${plainBytes(dead)})`
}
