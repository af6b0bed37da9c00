import type { ConversionPlan } from '../convert/plan.ts'
import { boundAt, dateKey, rangeCondition } from '../partitions/bounds.ts'
import { addPeriods, type Period, periodLabel, periodOf } from '../partitions/periods.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Grain, Policy } from '../warehouse/schema.ts'

/** A query whose time is measured before and after. */
export interface GainsQuery {
  what: 'count' | 'sum'
  /** `2023` or `2023-q2` */
  period: string
  sql: string
  /** The same over the plain table, under the name that it is kept by after the conversion. */
  plain_sql: string
}

/**
 * The queries of the gains table: the rows of a year counted, and a number summed over a quarter. Both are those with the most
 * rows; where one holds all there is, it would show nothing, and one period of the policy takes its place.
 *
 * @returns none for a table without a row in any period
 */
export function gainsQueries(plan: ConversionPlan): GainsQuery[] {
  const { partition: policy } = plan.dataset
  const { occupied } = plan.rows
  const year = busiest(occupied, 'year', policy.grain)
  if (!year) return []
  // The rows of each quarter are not known where a leaf holds a year: the second is as good as any.
  const quarter = policy.grain === 'year' ? secondQuarter(year) : busiest(occupied, 'quarter', policy.grain)
  const measure = summable(plan)
  return [
    query(plan, year, 'count', 'count(*)'),
    ...(quarter
      ? [query(plan, quarter, measure ? 'sum' : 'count', measure ? `sum(${ident(measure)})` : 'count(*)')]
      : []),
  ]
}

type Counted = Period & { rows: number; grain: Grain }

function busiest(occupied: (Period & { rows: number })[], grain: Grain, finest: Grain): Counted | undefined {
  const periods = new Map<string, Counted>()
  for (const { start, rows } of occupied) {
    const period = periodOf(start, grain)
    const counted = periods.get(String(period.start)) ?? { ...period, grain, rows: 0 }
    counted.rows += rows
    periods.set(String(period.start), counted)
  }
  const all = [...periods.values()]
  if (all.length === 1 && grain !== finest) return busiest(occupied, finest, finest)
  return all.toSorted((a, b) => b.rows - a.rows)[0]
}

function secondQuarter({ start, rows }: Counted): Counted {
  const second = addPeriods(start, 'quarter', 1)
  return { start: second, end: addPeriods(second, 'quarter', 1), rows, grain: 'quarter' }
}

function query(
  { dataset, table, before }: ConversionPlan,
  period: Counted,
  what: GainsQuery['what'],
  select: string,
): GainsQuery {
  const over = (name: RelationName) =>
    `SELECT ${select} FROM ${relation(name)} WHERE ${condition(dataset.partition, period)}`
  return {
    what,
    period: periodLabel(period, period.grain).replaceAll('_', '-'),
    sql: over(table),
    plain_sql: over(before),
  }
}

/** As somebody would type it. */
function condition(policy: Policy, { start, end }: Period): string {
  const [key] = policy.key.map(ident)
  if (policy.kind === 'date_key')
    return `${key} BETWEEN ${dateKey(start)} AND ${dateKey(end.subtract({ days: 1 }))}`
  return rangeCondition(policy, { from: boundAt(policy, start), to: boundAt(policy, end) })
}

/** A column that is worth a sum: a fraction rather than a whole number, and no number of something. */
function summable({ dataset, table }: ConversionPlan): string | undefined {
  const numbers = new Set([
    ...dataset.partition.key,
    ...(dataset.key ?? []),
    ...Object.keys(dataset.references),
  ])
  const worth = table.columns.filter(
    ({ name, identity, sequence }) =>
      !numbers.has(name) && !identity && !sequence && !/(^|_)(id|key|code|no|year|month|day)$/i.test(name),
  )
  const ofType = (types: RegExp) => worth.find(({ type }) => types.test(type))?.name
  return ofType(/^(numeric|real|double precision)(\(|$)/) ?? ofType(/^(smallint|integer|bigint)$/)
}
