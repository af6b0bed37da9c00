import { Temporal } from 'temporal-polyfill'
import { surveyRows } from '../convert/rows.ts'
import type { PlainTable } from '../convert/table.ts'
import { addPeriods } from '../partitions/periods.ts'
import { ident } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { policySchema } from '../warehouse/dataset.ts'
import type { Occupied } from './grain.ts'
import type { Candidate } from './partition-key.ts'
import { isDatedSql, sampledFrom } from './sample.ts'

/** Where the rows of a table lie along a candidate. */
export interface KeySurvey {
  /** Every row was looked at; else the figures come from a sample. */
  exact: boolean
  rows: number
  nulls: number
  /** Rows before 1900 or from 2100 on, and defaults such as -1. */
  outside: number
  /** Some of them, as text. */
  examples: string[]
  /** Months that hold rows, in order; quarters for year_quarter. */
  occupied: Occupied[]
}

/**
 * Looks at every row, since a NULL or a mistyped date that a sample does not see would stop a conversion; where that
 * takes too long, at a sample.
 *
 * @param zone in which months begin; UTC unless named
 * @param seconds that one statement may take
 */
export async function surveyKey(
  session: Session,
  table: PlainTable,
  candidate: Candidate,
  zone: string | undefined,
  seconds: number,
): Promise<KeySurvey> {
  const { key, kind } = candidate
  const grain = kind === 'year_quarter' ? 'quarter' : 'month'
  const policy = policySchema.parse({ key, kind, grain, zone, unknown: true })
  try {
    return { exact: true, ...(await bounded(session, seconds, () => surveyRows(session, table, policy))) }
  } catch (error) {
    if (!hasState(error, sqlstate.queryCanceled)) throw error
    return surveySample(session, table, candidate, grain)
  }
}

/** Reads in a transaction that ends any statement that takes longer. */
export async function bounded<T>(session: Session, seconds: number, read: () => Promise<T>): Promise<T> {
  return inTransaction(
    session,
    async () => {
      await session.run(`SET LOCAL statement_timeout = ${Math.ceil(seconds * 1000)}`)
      return read()
    },
    'READ ONLY',
  )
}

async function surveySample(
  session: Session,
  table: PlainTable,
  { key, kind }: Candidate,
  grain: 'month' | 'quarter',
): Promise<KeySurvey> {
  const [first, second] = key.map(ident) as [string, string?]
  const month = {
    date_key: `${first} / 10000 || '-' || lpad((${first} / 100 % 100)::text, 2, '0') || '-01'`,
    date: `to_char(${first}, 'YYYY-MM-01')`,
    timestamp: `to_char(${first}, 'YYYY-MM-01')`,
    timestamptz: `to_char(${first}, 'YYYY-MM-01')`,
    year_quarter: `${first} || '-' || lpad((3 * ${second} - 2)::text, 2, '0') || '-01'`,
  }[kind]
  const dated =
    kind === 'year_quarter'
      ? `${isDatedSql('year', first)} AND ${isDatedSql('quarter', second as string)}`
      : isDatedSql(kind, first)
  const counts = await session.rows<{ month: string | null; rows: number }>(
    `SELECT CASE WHEN ${dated} THEN ${month} END AS month, count(*) AS rows ${sampledFrom(table)} GROUP BY 1 ORDER BY 1`,
  )
  const sampled = counts.reduce((sum, { rows }) => sum + rows, 0)
  const rows = Math.max(table.estimated_rows ?? 0, sampled)
  const scale = (some: number) => Math.round((some * rows) / Math.max(1, sampled))
  return {
    exact: false,
    rows,
    nulls: 0,
    outside: scale(counts.find(({ month }) => month === null)?.rows ?? 0),
    examples: [],
    occupied: counts.flatMap(({ month, rows: some }) => {
      if (month === null) return []
      const start = Temporal.PlainDate.from(month)
      return [{ start, end: addPeriods(start, grain, 1), rows: scale(some) }]
    }),
  }
}
