import type { Temporal } from 'temporal-polyfill'
import { positionDate, positionOf, positionSql, positionType } from '../../partitions/bounds.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Policy } from '../../warehouse/schema.ts'
import { daySql } from './replace.ts'

/** A table, and the dates that its rows have, [from, until), where those are known. */
type Dated = RelationName & {
  from?: Temporal.PlainDate | undefined
  until?: Temporal.PlainDate | undefined
}

/**
 * The first days of the periods that rows of some tables have, as ISO dates: days, or the quarters of year_quarter; `''` where
 * there are rows without a date.
 */
export async function daysWithRows(session: Session, policy: Policy, tables: Dated[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (const table of tables) {
    const days = daysWithin(policy, table)
    if (days && (await isInOrder(session, policy, table))) {
      for (const n of await askForEach(session, policy, table, days)) found.add(String(days[n - 1]))
      continue
    }
    const day = days ? `width_bucket(${positionSql(policy)}, ${dayArray(policy, days)})` : daySql(policy)
    const rows = await session.rows<{ day: string | null }>(
      `SELECT day::text FROM (SELECT DISTINCT ${day} AS day FROM ${relation(table)}) AS days`,
    )
    for (const { day } of rows) {
      if (day === null) found.add('')
      else found.add(String(days ? days[Number(day) - 1] : positionDate(policy, day)))
    }
  }
  return found
}

/** More of them are looked up more slowly than a day is computed. */
const mostDays = 1000

/** The days of a leaf whose rows have times: to find a time among them costs a quarter of what its day does in some zone. */
function daysWithin({ kind }: Policy, { from, until }: Dated): Temporal.PlainDate[] | undefined {
  if ((kind !== 'timestamp' && kind !== 'timestamptz') || !from || !until) return undefined
  const { days } = from.until(until, { largestUnit: 'day' })
  return days > mostDays ? undefined : Array.from({ length: days }, (_, n) => from.add({ days: n }))
}

function dayArray(policy: Policy, days: Temporal.PlainDate[]): string {
  return `ARRAY[${days.map((day) => positionOf(policy, day)).join(', ')}]::${positionType(policy)}[]`
}

/** An index finds the rows of a day at once. */
async function isInOrder(session: Session, { key: [column = ''] }: Policy, table: Dated): Promise<boolean> {
  const { has } = await session.one<{ has: boolean }>(sql('load/leading_index'), [relation(table), column])
  return has
}

/**
 * Which of the days, from 1 on, have rows: a look into an index for each, where all rows are read in a sixth of the time that it
 * takes to bring them.
 */
async function askForEach(
  session: Session,
  policy: Policy,
  table: Dated,
  days: Temporal.PlainDate[],
): Promise<number[]> {
  const position = positionSql(policy)
  const ends = dayArray(
    policy,
    days.map((day) => day.add({ days: 1 })),
  )
  // The table may have a column `day`, or be called so.
  const first = `SELECT min(${position}) FROM ${relation(table)} WHERE ${position} >= dwh_days.first AND ${position} < dwh_days.until`
  const rows = await session.rows<{ n: number }>(
    `SELECT n FROM unnest(${dayArray(policy, days)}, ${ends}) WITH ORDINALITY AS dwh_days (first, until, n) WHERE (${first}) IS NOT NULL`,
  )
  return rows.map(({ n }) => n)
}
