import { Temporal } from 'temporal-polyfill'
import { boundAt, datesOf, limits, type Range, rangeCondition } from '../partitions/bounds.ts'
import type { Policy } from '../warehouse/schema.ts'

/** Which keys have a leaf, could have one, and never will. */
export interface Coverage {
  /** Of the leaves that a landing has. */
  made: Range[]
  /** Of the leaves that the target has. */
  there: Range[]
  /** Periods that overlap a leaf of the target with bounds of somebody's own. */
  roomless: Range[]
  hasUnknown: boolean
}

/** SQL conditions on a row. */
export function coverageConditions(policy: Policy, { made, there, roomless, hasUnknown }: Coverage) {
  const { floor, ceiling } = limits(policy)
  const isThere = isInAny(policy, there)
  const isWithin = rangeCondition(policy, { from: boundAt(policy, floor), to: boundAt(policy, ceiling) })
  const uncovered = `(${isInAny(policy, made)}) IS NOT TRUE`
  return {
    /** There may be a leaf for it, but none has been made. */
    wanting: `${uncovered} AND (${isThere} OR (${isWithin} AND (${isInAny(policy, roomless)}) IS NOT TRUE))`,
    /** There is no leaf for it, and it cannot go to the unknown leaf either. */
    homeless: hasUnknown ? `${uncovered} AND (${isThere} OR (${isWithin}))` : uncovered,
  }
}

/** Ranges that follow one another are one. */
function isInAny(policy: Policy, ranges: Range[]): string {
  const joined: Range[] = []
  const dated = ranges.map((range) => ({ range, ...datesOf(policy, range) }))
  const { compare } = Temporal.PlainDate
  for (const { range } of dated.toSorted((a, b) => compare(a.from, b.from) || compare(a.until, b.until))) {
    const last = joined.at(-1)
    if (last && last.to.join() === range.from.join()) last.to = range.to
    else joined.push({ ...range })
  }
  return joined.length === 0
    ? 'false'
    : joined.map((range) => `(${rangeCondition(policy, range)})`).join(' OR ')
}
