import { Temporal } from 'temporal-polyfill'
import { ident, literal } from '../postgres/identifiers.ts'
import type { Policy } from '../warehouse/schema.ts'
import { type Period, quarterOf } from './periods.ts'

/**
 * One end of a range: a value for each column of the partition key, as PostgreSQL prints them in a session with
 * DateStyle ISO and TimeZone UTC. MINVALUE and MAXVALUE stand for themselves.
 */
export type Bound = string[]

/** [from, to) of a leaf. */
export interface Range {
  from: Bound
  to: Bound
}

/** The start of `date` (in the policy's zone) as a bound. */
export function boundAt(policy: Policy, date: Temporal.PlainDate): Bound {
  switch (policy.kind) {
    case 'date_key':
      return [String(dateKey(date))]
    case 'date':
      return [pgDate(date)]
    case 'timestamp':
      return [`${pgDate(date)} 00:00:00`]
    case 'timestamptz':
      return [pgInstant(date.toZonedDateTime(policy.zone).toInstant())]
    case 'year_quarter':
      return [String(date.year), String(quarterOf(date))]
  }
}

export function rangeOf(policy: Policy, period: Period): Range {
  return { from: boundAt(policy, period.start), to: boundAt(policy, period.end) }
}

/** 2023-01-31 → 20230131 */
export function dateKey(date: Temporal.PlainDate): number {
  return date.year * 10_000 + date.month * 100 + date.day
}

/**
 * The calendar date of a bound in the policy's zone, or undefined for MINVALUE, MAXVALUE and what is no date (month 13
 * of a date key).
 */
export function boundDate(policy: Policy, bound: Bound): Temporal.PlainDate | undefined {
  const [first = '', second = '1'] = bound
  try {
    switch (policy.kind) {
      case 'date_key': {
        const key = Number(first)
        const date = { year: Math.floor(key / 10_000), month: Math.floor(key / 100) % 100, day: key % 100 }
        return Temporal.PlainDate.from(date, { overflow: 'reject' })
      }
      case 'date':
      case 'timestamp':
        return Temporal.PlainDate.from(isoYear(first).replace(/ .*/, ''))
      case 'timestamptz':
        return instantOf(first).toZonedDateTimeISO(policy.zone).toPlainDate()
      case 'year_quarter':
        return new Temporal.PlainDate(Number(first), Number(second) * 3 - 2, 1)
    }
  } catch {
    return undefined
  }
}

/** `(20230101)`, `('2023-01-01')` or `(2023, 1)`: a bound as ATTACH PARTITION takes it. */
export function boundSql(policy: Policy, bound: Bound): string {
  return `(${bound.map((value) => valueSql(policy, value)).join(', ')})`
}

/** `FOR VALUES FROM (…) TO (…)` */
export function forValues(policy: Policy, { from, to }: Range): string {
  return `FOR VALUES FROM ${boundSql(policy, from)} TO ${boundSql(policy, to)}`
}

/**
 * The condition of a range in the very shape of PostgreSQL's own partition constraint, NOT NULL included, so that a
 * valid CHECK with it spares ATTACH the scan.
 */
export function rangeCondition(policy: Policy, { from, to }: Range): string {
  const [first, second] = policy.key.map(ident) as [string, string?]
  const low = from.map((value) => valueSql(policy, value))
  const high = to.map((value) => valueSql(policy, value))
  if (second === undefined) return `${first} IS NOT NULL AND ${first} >= ${low[0]} AND ${first} < ${high[0]}`
  const notNull = `${first} IS NOT NULL AND ${second} IS NOT NULL`
  if (low[0] === high[0])
    return `${notNull} AND ${first} = ${low[0]} AND ${second} >= ${low[1]} AND ${second} < ${high[1]}`
  return (
    `${notNull} AND (${first} > ${low[0]} OR (${first} = ${low[0]} AND ${second} >= ${low[1]}))` +
    ` AND (${first} < ${high[0]} OR (${first} = ${high[0]} AND ${second} < ${high[1]}))`
  )
}

/** The condition of the unknown leaf: keys that are NULL, before the floor or from the ceiling on. */
export function unknownCondition(policy: Policy): string {
  const position = positionSql(policy)
  const nulls = policy.key.map((column) => `${ident(column)} IS NULL`).join(' OR ')
  const { floor, ceiling } = limits(policy)
  return `${nulls} OR ${position} < ${positionOf(policy, floor)} OR ${position} >= ${positionOf(policy, ceiling)}`
}

/** Keys before `floor` or from `ceiling` on never get a leaf of their own. */
export function limits(policy: Policy): { floor: Temporal.PlainDate; ceiling: Temporal.PlainDate } {
  return { floor: policy.from ?? Temporal.PlainDate.from('1900-01-01'), ceiling: policy.ceiling }
}

/** The partition key as one expression in whose order bounds stand. */
export function positionSql(policy: Policy): string {
  const [first, second] = policy.key.map(ident)
  return second === undefined ? (first as string) : `(${first} * 4 + ${second} - 1)`
}

/** The start of `date` on the scale of `positionSql`, as an SQL literal. */
export function positionOf(policy: Policy, date: Temporal.PlainDate): string {
  if (policy.kind === 'year_quarter') return String(date.year * 4 + quarterOf(date) - 1)
  return valueSql(policy, boundAt(policy, date)[0] as string)
}

/** The type of `positionSql`, for arrays of positions. */
export function positionType(policy: Policy): string {
  return {
    date_key: 'bigint',
    date: 'date',
    timestamp: 'timestamp',
    timestamptz: 'timestamptz',
    year_quarter: 'bigint',
  }[policy.kind]
}

/** Reads `FOR VALUES FROM (…) TO (…)` or `DEFAULT` as pg_get_expr prints it; undefined for LIST and HASH. */
export function parseForValues(text: string): Range | 'default' | undefined {
  if (text === 'DEFAULT') return 'default'
  const value = `(?:'(?:[^']|'')*'|[^',()]+)`
  const list = String.raw`\((${value}(?:, ${value})*)\)`
  const match = new RegExp(`^FOR VALUES FROM ${list} TO ${list}$`, 'u').exec(text)
  if (!match) return undefined
  const read = (part: string) =>
    [...part.matchAll(new RegExp(value, 'gu'))].map(([token]) => {
      const bare = token.trim()
      return bare.startsWith("'") ? bare.slice(1, -1).replaceAll("''", "'") : bare
    })
  return { from: read(match[1] as string), to: read(match[2] as string) }
}

function valueSql(policy: Policy, value: string): string {
  if (value === 'MINVALUE' || value === 'MAXVALUE') return value
  return policy.kind === 'date_key' || policy.kind === 'year_quarter' ? String(Number(value)) : literal(value)
}

/** PostgreSQL writes years beyond 9999 plainly where ISO 8601 wants a sign and six digits. */
function pgDate(date: Temporal.PlainDate): string {
  return date.toString().replace(/^\+0*/, '')
}

function pgInstant(instant: Temporal.Instant): string {
  const utc = instant.toZonedDateTimeISO('UTC')
  const time = utc.toPlainTime().toString({ smallestUnit: 'second' })
  return `${pgDate(utc.toPlainDate())} ${time}+00`
}

function isoYear(text: string): string {
  return text.replace(/^\d{5,6}(?=-)/, (year) => `+${year.padStart(6, '0')}`)
}

function instantOf(text: string): Temporal.Instant {
  return Temporal.Instant.from(
    isoYear(text)
      .replace(' ', 'T')
      .replace(/([+-]\d\d)$/, '$1:00'),
  )
}
