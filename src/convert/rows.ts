import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { limits, positionDate, positionOf, positionSql, positionType } from '../partitions/bounds.ts'
import { type Period, periodsBetween } from '../partitions/periods.ts'
import type { WantedSpan } from '../partitions/plan.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Policy } from '../warehouse/schema.ts'

/** Where the rows of a table lie along its partition key. */
export interface RowSurvey {
  rows: number
  nulls: number
  /** Rows before the floor or from the ceiling of the policy on. */
  outside: number
  /** Partition keys of rows that are NULL or outside, as text, a few. */
  examples: string[]
  /** The periods that hold rows, with their number, in order. */
  occupied: (Period & { rows: number })[]
}

/** Periods between the first and the last row beyond which a table is taken for one with wrong dates. */
const mostPeriods = 20_000

interface Extent {
  rows: number
  nulls: number
  outside: number
  low: string | null
  high: string | null
}

/**
 * Reads the partition keys of a plain table, twice: their extent, then the rows in each period.
 *
 * @throws DwhError ROWS_UNFIT when the extent is absurd
 */
export async function surveyRows(session: Session, table: RelationName, policy: Policy): Promise<RowSurvey> {
  const position = positionSql(policy)
  const { floor, ceiling } = limits(policy)
  const inside = `${position} >= ${positionOf(policy, floor)} AND ${position} < ${positionOf(policy, ceiling)}`
  const from = `FROM ONLY ${relation(table)}`
  const extent = await session.one<Extent>(
    `SELECT count(*) AS rows, count(*) FILTER (WHERE ${position} IS NULL) AS nulls, ` +
      `count(*) FILTER (WHERE NOT (${inside})) AS outside, ` +
      `(min(${position}) FILTER (WHERE ${inside}))::text AS low, (max(${position}) FILTER (WHERE ${inside}))::text AS high ${from}`,
  )
  const { rows, nulls, outside, low, high } = extent
  const key = policy.key.map((column) => `coalesce(${ident(column)}::text, 'NULL')`).join(` || ', ' || `)
  const examples =
    nulls + outside === 0
      ? []
      : await session.rows<{ key: string }>(
          `SELECT DISTINCT ${key} AS key ${from} WHERE NOT (${inside}) OR ${position} IS NULL LIMIT 5`,
        )
  const periods = low === null || high === null ? [] : periodsOf(policy, low, high)
  return { rows, nulls, outside, examples: examples.map(({ key }) => key), occupied: await countPeriods() }

  async function countPeriods() {
    if (periods.length === 0) return []
    const counts = await session.rows<{ part: number; rows: number }>(
      `SELECT ${partSql(
        policy,
        periods.map(({ start }) => start),
      )} AS part, count(*) AS rows ${from} WHERE ${inside} GROUP BY 1 ORDER BY 1`,
    )
    return counts.map(({ part, rows }) => ({ ...(periods[part - 1] as Period), rows }))
  }
}

/**
 * The number of the range that a row belongs to: n where the n-th start (counted from 1) is the last one not after the
 * key, 0 before the first start, NULL for a NULL key.
 */
export function partSql(policy: Policy, starts: Temporal.PlainDate[]): string {
  const values = starts.map((start) => positionOf(policy, start)).join(', ')
  return `width_bucket((${positionSql(policy)})::${positionType(policy)}, ARRAY[${values}]::${positionType(policy)}[])`
}

/** Neighbouring periods joined to spans. */
export function occupiedSpans(occupied: Period[]): WantedSpan[] {
  const spans: WantedSpan[] = []
  for (const { start, end } of occupied) {
    const last = spans.at(-1)
    if (last && Temporal.PlainDate.compare(last.until, start) === 0) last.until = end
    else spans.push({ from: start, until: end })
  }
  return spans
}

function periodsOf(policy: Policy, low: string, high: string): Period[] {
  const last = positionDate(policy, high)
  const periods: Period[] = []
  for (const period of periodsBetween(positionDate(policy, low), last.add({ days: 1 }), policy.grain)) {
    periods.push(period)
    if (periods.length > mostPeriods) {
      throw new DwhError(
        'ROWS_UNFIT',
        `the keys of the rows reach from ${low} to ${high}, too far for leaves by ${policy.grain}`,
        {
          hint: 'set `from` and `ceiling` in the policy, and name an `unknown` leaf for what lies outside',
        },
      )
    }
  }
  return periods
}
