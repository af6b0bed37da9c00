import { Temporal } from 'temporal-polyfill'
import { daySql } from '../load/publish/replace.ts'
import { fillScope } from '../load/publish/territory.ts'
import { positionDate, positionOf, positionSql } from '../partitions/bounds.ts'
import { literal, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset } from '../warehouse/load.ts'
import { datasetOfSource } from '../warehouse/of-source.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { CoveredWindow, DayMap } from './covered-days.ts'

/** A window that holds other rows than when its chunk ended. */
export interface RowDifference {
  from: string | null
  to: string | null
  backfill: number
  rows: number
  rows_there: number
}

interface Span {
  from: Temporal.PlainDate
  to: Temporal.PlainDate
}

/** In the order of the maps. */
export interface CountedRows {
  /** By day; `all` where the table has no partition key. */
  days: Map<string, number>[]
  differences: RowDifference[][]
}

/** Counts the rows of a table by source and day, in one pass over the leaves of the span. */
export async function countRows(
  session: Session,
  dataset: Dataset,
  span: Span,
  maps: (DayMap & { source: string })[],
): Promise<CountedRows> {
  const { partition: policy } = dataset
  const filters = maps.map((map) => scopeOf(dataset, map))
  const day = policy ? `(${daySql(policy)})::text` : literal('all')
  const counts = filters.map((filter, n) => `count(*) FILTER (WHERE ${filter}) AS rows_${n}`)
  const within = policy
    ? ` WHERE ${positionSql(policy)} >= ${positionOf(policy, span.from)} AND ${positionSql(policy)} < ${positionOf(policy, span.to)}`
    : ''
  const rows = await session.rows<Record<string, string | number | null>>(
    `SELECT ${day} AS day${counts.map((count) => `, ${count}`).join('')} FROM ${relation(dataset.target)}${within} GROUP BY 1`,
  )
  const labelOf = (day: string | null) =>
    policy && day !== null ? String(positionDate(policy, day)) : String(day)
  const days = maps.map(
    (_, n) =>
      new Map(rows.map((row) => [labelOf(row.day as string | null), Number(row[`rows_${n}`])] as const)),
  )
  // Where no scope tells two of them apart, each count is of the rows of both.
  const isShared = (n: number) =>
    maps.some(({ windows }, m) => m !== n && windows.length > 0 && filters[m] === filters[n])
  const differences = maps.map(({ windows }, n) =>
    isShared(n) ? [] : differencesOf(windows, days[n] as Map<string, number>, span, policy),
  )
  return { days, differences }
}

/** The rows that a source owns, of whichever parameters it was asked with; all rows where it says nothing of it. */
function scopeOf(dataset: Dataset, { source, parameters }: DayMap & { source: string }): string {
  if (!Object.hasOwn(dataset.sources, source)) return 'true'
  const own = datasetOfSource(dataset, source)
  if (own.scope === undefined) return 'true'
  const standard = Object.fromEntries(
    Object.entries(dataset.sources[source]?.parameters ?? {}).map(([name, value]) => [name, String(value)]),
  )
  const sets = parameters.length === 0 ? [{}] : parameters
  return sets.map((given) => `(${fillScope(own, { ...standard, ...given })})`).join(' OR ')
}

/** Windows whose rows are there by now, that lie in the span, and that no other one overlaps. */
function differencesOf(
  windows: CoveredWindow[],
  counted: Map<string, number>,
  span: Span,
  policy: Policy | undefined,
): RowDifference[] {
  const there = windows.filter(({ state }) => ['ok', 'flagged', 'thin', 'stale'].includes(state))
  return there.flatMap(({ from, to, backfill, rows }, n) => {
    if (from === null || to === null || !policy) {
      const all = [...counted.values()].reduce((sum, value) => sum + value, 0)
      return there.length === 1 && all !== rows ? [{ from, to, backfill, rows, rows_there: all }] : []
    }
    const isWhole = from >= String(span.from) && to <= String(span.to)
    const overlaps = there.some((other, m) => m !== n && (other.from ?? '') < to && (other.to ?? '') > from)
    if (!isWhole || overlaps) return []
    const found = rowsBetween(counted, from, to)
    return found === rows ? [] : [{ from, to, backfill, rows, rows_there: found }]
  })
}

function rowsBetween(counted: Map<string, number>, from: string, to: string): number {
  let rows = 0
  for (let day = Temporal.PlainDate.from(from); String(day) < to; day = day.add({ days: 1 }))
    rows += counted.get(String(day)) ?? 0
  return rows
}
