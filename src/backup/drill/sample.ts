import { shown } from '../../postgres/identifiers.ts'
import type { BackedUpTable } from '../manifest.ts'
import type { EarlierDrill } from './receipt.ts'

/** Of leaves, how much is drilled: a part of their bytes, or what a time allows. */
export interface SampleWish {
  /** 0 to 1; undefined is all. */
  share: number | undefined
  /** Seconds. */
  budget: number | undefined
}

/** Bytes of tables and indexes that are restored and compared in a second, where no drill has told. */
const usualRate = 10 * 1024 ** 2

/**
 * The tables of a drill. Whatever is no leaf is always among them: leaves refer to it, and it is small beside them. Of the
 * leaves those come first whose last proof is the oldest, so that drills go round.
 *
 * @param earlier drills, newest first
 */
export function sampleTables(
  tables: BackedUpTable[],
  earlier: EarlierDrill[],
  { share, budget }: SampleWish,
): BackedUpTable[] {
  if (share === undefined && budget === undefined) return tables
  const leaves = tables.filter(({ parent }) => parent !== null)
  const total = sizeOf(leaves)
  const limit = Math.min(
    share === undefined ? Number.POSITIVE_INFINITY : share * total,
    budget === undefined ? Number.POSITIVE_INFINITY : budget * rateOf(earlier) - sizeOf(tables) + total,
  )
  const last = lastProofs(earlier)
  const age = (table: BackedUpTable) => last.get(shown(table)) ?? ''
  const ordered = leaves.toSorted((a, b) =>
    age(a) === age(b) ? b.bytes - a.bytes : age(a) < age(b) ? -1 : 1,
  )
  const chosen = new Set<BackedUpTable>()
  let bytes = 0
  for (const leaf of ordered) {
    // At least one, or drills would never come round.
    if (chosen.size > 0 && bytes + leaf.bytes > limit) continue
    chosen.add(leaf)
    bytes += leaf.bytes
  }
  return tables.filter((table) => table.parent === null || chosen.has(table))
}

export const sizeOf = (tables: BackedUpTable[]) => tables.reduce((sum, { bytes }) => sum + bytes, 0)

/** Of the newest drill that tells. */
function rateOf(earlier: EarlierDrill[]): number {
  const told = earlier.find(({ ok, seconds = 0, bytes = 0 }) => ok && seconds > 0 && bytes > 0)
  return told?.seconds && told.bytes ? told.bytes / told.seconds : usualRate
}

/** When each table was last found equal. */
function lastProofs(earlier: EarlierDrill[]): Map<string, string> {
  const last = new Map<string, string>()
  for (const { at, ok, compared } of earlier.toReversed())
    if (ok) for (const table of compared) last.set(shown(table), at)
  return last
}
