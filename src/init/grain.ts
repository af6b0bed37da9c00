import { Temporal } from 'temporal-polyfill'
import { type Period, periodStart } from '../partitions/periods.ts'
import type { Grain } from '../warehouse/schema.ts'

/** Rows in one month or quarter. */
export type Occupied = Period & { rows: number }

/** A grain, and what it makes of the rows. */
export interface GrainChoice {
  grain: Grain
  leaves: number
  /** Rows of the fullest leaf. */
  busiest: number
}

/** Fewer leaves than this prune too little. */
const fewestLeaves = 5
/** A leaf that is larger takes too long to be rewritten, indexed or restored on its own. */
const mostRows = 10_000_000
const mostBytes = 8 * 1024 ** 3
/** Leaves with fewer rows cost more in planning than they save in reading. */
const fewestRows = 10_000
/** Below the limit that a policy has of itself, with room for years to come. */
const mostLeaves = 500

/**
 * The coarsest grain that makes leaves of which a query reads a small part only.
 *
 * @param occupied months (or quarters) that hold rows, in order
 * @param grains those that may be chosen, from the coarsest on
 */
export function chooseGrain(occupied: Occupied[], rowBytes: number, grains: readonly Grain[]): GrainChoice {
  const rows = occupied.reduce((sum, period) => sum + period.rows, 0)
  let choice: GrainChoice | undefined
  for (const grain of occupied.length > 0 ? grains : []) {
    const next = divide(occupied, grain)
    if (choice && (rows / next.leaves < fewestRows || next.leaves > mostLeaves)) break
    choice = next
    if (next.leaves >= fewestLeaves && next.busiest <= mostRows && next.busiest * rowBytes <= mostBytes) break
  }
  return choice ?? { grain: grains[0] as Grain, leaves: 0, busiest: 0 }
}

/** Weeks and days are told from months, as if their rows came evenly. */
function divide(occupied: Occupied[], grain: Grain): GrainChoice {
  if (grain === 'week' || grain === 'day') {
    const days = grain === 'week' ? 7 : 1
    const lengths = occupied.map(({ start, end }) => start.until(end, { largestUnit: 'day' }).days)
    const leaves = lengths.reduce((sum, length) => sum + Math.ceil(length / days), 0)
    const busiest = Math.max(...occupied.map(({ rows }, index) => (rows * days) / (lengths[index] ?? 1)))
    return { grain, leaves, busiest: Math.ceil(busiest) }
  }
  const sums = new Map<string, number>()
  for (const { start, rows } of occupied) {
    const leaf = periodStart(start, grain).toString()
    sums.set(leaf, (sums.get(leaf) ?? 0) + rows)
  }
  return { grain, leaves: sums.size, busiest: Math.max(0, ...sums.values()) }
}

/** The stretch of time that the rows are about, without the dates that somebody mistyped or that stand for no date. */
export interface Core {
  occupied: Occupied[]
  early: Occupied[]
  late: Occupied[]
}

/** Months without a row that part what belongs together from what does not. */
const widestGap = 60
/** Beyond the gap there are mistakes only as long as they are few. */
const mostStray = 0.01

export function findCore(occupied: Occupied[]): Core {
  const everything = { occupied, early: [], late: [] }
  const fullest = occupied.reduce(
    (best, { rows }, index) => (rows > (occupied[best]?.rows ?? 0) ? index : best),
    0,
  )
  let first = fullest
  while (first > 0 && gap(occupied[first - 1], occupied[first]) <= widestGap) first--
  let last = fullest
  while (last < occupied.length - 1 && gap(occupied[last], occupied[last + 1]) <= widestGap) last++
  const core = {
    occupied: occupied.slice(first, last + 1),
    early: occupied.slice(0, first),
    late: occupied.slice(last + 1),
  }
  const sum = (periods: Occupied[]) => periods.reduce((total, { rows }) => total + rows, 0)
  return sum([...core.early, ...core.late]) <= mostStray * sum(occupied) ? core : everything
}

function gap(before: Occupied | undefined, after: Occupied | undefined): number {
  if (!before || !after) return Number.POSITIVE_INFINITY
  return before.end.until(after.start, { largestUnit: 'month' }).months
}

/** Rows a year, over the last year that the rows are about. */
export function yearlyRows({ occupied }: Core): number {
  const end = occupied.at(-1)?.end
  if (!end) return 0
  const since = end.subtract({ years: 1 })
  return occupied
    .filter(({ start }) => Temporal.PlainDate.compare(start, since) >= 0)
    .reduce((sum, { rows }) => sum + rows, 0)
}
