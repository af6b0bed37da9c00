import { Temporal } from 'temporal-polyfill'
import { ident, literal } from '../postgres/identifiers.ts'
import type { Policy } from '../warehouse/schema.ts'
import { type Period, periodOf, periodStart, quarterOf } from './periods.ts'

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
      return [pgText(date)]
    case 'timestamp':
      return [pgText(date, ' 00:00:00')]
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
        return Temporal.PlainDate.from(isoText(first).replace(/T.*/, ''))
      case 'timestamptz':
        return instantOf(first).toZonedDateTimeISO(policy.zone).toPlainDate()
      case 'year_quarter':
        return new Temporal.PlainDate(Number(first), Number(second) * 3 - 2, 1)
    }
  } catch {
    return undefined
  }
}

/** Long before and long after every date that a leaf is made for. */
const beginning = Temporal.PlainDate.from('-099999-01-01')
const end = Temporal.PlainDate.from('+275760-01-01')

/**
 * The dates that a range touches: [from, until). Bounds need not be dates, since people write (20231232), (2023, 5) or
 * (2023, MINVALUE) too: what counts is the first date that lies behind such a bound.
 */
export function datesOf(
  policy: Policy,
  { from, to }: Range,
): { from: Temporal.PlainDate; until: Temporal.PlainDate } {
  // A day that a timestamp cuts in two belongs to both sides.
  const cutsDays = policy.kind === 'timestamp' || policy.kind === 'timestamptz'
  const first = cutsDays ? boundDate(policy, from) : undefined
  return { from: first ?? dateBehind(policy, from), until: dateBehind(policy, to) }
}

/** The first date that begins at a bound or behind it. */
function dateBehind(policy: Policy, bound: Bound): Temporal.PlainDate {
  const [first = '', second = '1'] = bound
  if (first === 'MINVALUE' || first === '-infinity') return beginning
  if (first === 'MAXVALUE' || first === 'infinity') return end
  if (policy.kind === 'date_key') {
    const key = Number(first)
    return dateOrNext(Math.floor(key / 10_000), Math.floor(key / 100) % 100, key % 100)
  }
  if (policy.kind === 'year_quarter') {
    const quarter = { MINVALUE: 0, MAXVALUE: 5 }[second] ?? Number(second)
    return dateOrNext(Number(first), quarter < 1 ? 0 : quarter * 3 - 2, 1)
  }
  const date = boundDate(policy, bound) ?? end
  return boundAt(policy, date)[0] === first ? date : date.add({ days: 1 })
}

/** The date of these numbers, or the next one where there is none: day 0, 31 February, month 13. */
function dateOrNext(year: number, month: number, day: number): Temporal.PlainDate {
  if (Math.abs(year) > 99_999) return year < 0 ? beginning : end
  if (month < 1) return new Temporal.PlainDate(year, 1, 1)
  if (month > 12) return new Temporal.PlainDate(year + 1, 1, 1)
  const start = new Temporal.PlainDate(year, month, 1)
  return day > start.daysInMonth ? start.add({ months: 1 }) : start.with({ day: Math.max(1, day) })
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
  const columns = policy.key.map(ident)
  const [first, second] = columns as [string, string?]
  const low = from.map((value) => valueSql(policy, value))
  const high = to.map((value) => valueSql(policy, value))
  const notNull = columns.map((column) => `${column} IS NOT NULL`)
  const isOneYear = second !== undefined && low[0] === high[0] && ![...low, ...high].some(isEndless)
  const bounds = isOneYear
    ? [`${first} = ${low[0]}`, `${second} >= ${low[1]}`, `${second} < ${high[1]}`]
    : [...boundCondition(columns, low, '>', '>='), ...boundCondition(columns, high, '<', '<')]
  return [...notNull, ...bounds].join(' AND ')
}

/** On which side of a bound a key lies; nothing where the bound has no end. */
function boundCondition(
  [first, second]: string[],
  [one = '', other = '']: string[],
  beyond: '<' | '>',
  atLast: string,
): string[] {
  if (isEndless(one)) return []
  if (second === undefined) return [`${first} ${atLast} ${one}`]
  // (2023, MINVALUE) lies before all of 2023, (2023, MAXVALUE) after it.
  if (isEndless(other)) {
    const takesYear = (other === 'MINVALUE') === (beyond === '>')
    return [`${first} ${beyond}${takesYear ? '=' : ''} ${one}`]
  }
  return [`(${first} ${beyond} ${one} OR (${first} = ${one} AND ${second} ${atLast} ${other}))`]
}

const isEndless = (value: string) => value === 'MINVALUE' || value === 'MAXVALUE'

/**
 * The condition of the unknown leaf: keys that are NULL, before the floor or from the ceiling on. Two columns are compared
 * one after the other, because only so can PostgreSQL see that no row of a new leaf is in here.
 */
export function unknownCondition(policy: Policy): string {
  const { floor, ceiling } = limits(policy)
  const [first, second] = policy.key.map(ident) as [string, string?]
  const low = boundAt(policy, floor).map((value) => valueSql(policy, value))
  const high = boundAt(policy, ceiling).map((value) => valueSql(policy, value))
  if (second === undefined) return `${first} IS NULL OR ${first} < ${low[0]} OR ${first} >= ${high[0]}`
  return (
    `${first} IS NULL OR ${second} IS NULL OR ${first} < ${low[0]} OR (${first} = ${low[0]} AND ${second} < ${low[1]})` +
    ` OR ${first} > ${high[0]} OR (${first} = ${high[0]} AND ${second} >= ${high[1]})`
  )
}

/** Keys before `floor` or from `ceiling` on never get a leaf of their own. Both are ends of periods. */
export function limits(policy: Policy): { floor: Temporal.PlainDate; ceiling: Temporal.PlainDate } {
  const from = policy.from ?? Temporal.PlainDate.from('1900-01-01')
  return {
    floor: periodStart(from, policy.grain),
    ceiling: periodOf(policy.ceiling.subtract({ days: 1 }), policy.grain).end,
  }
}

/**
 * The partition key as one expression in whose order bounds stand. Quarters that do not exist lie where PostgreSQL's
 * row-wise comparison puts them: before the first, or with the last.
 */
export function positionSql(policy: Policy): string {
  const [first, second] = policy.key.map(ident)
  if (second === undefined) return first as string
  return `(${first}::bigint * 4 + CASE WHEN ${second} < 1 THEN -1 WHEN ${second} > 4 THEN 3 ELSE ${second} - 1 END)`
}

/** The start of `date` on the scale of `positionSql`, as an SQL literal. */
export function positionOf(policy: Policy, date: Temporal.PlainDate): string {
  if (policy.kind === 'year_quarter') return String(date.year * 4 + quarterOf(date) - 1)
  return valueSql(policy, boundAt(policy, date)[0] as string)
}

/**
 * A position as text back to a date. A date key that is no date (20230231) counts as the last day before it; what is beyond
 * all dates as the first or the last of them.
 */
export function positionDate(policy: Policy, text: string): Temporal.PlainDate {
  const position = Number(text)
  const bound =
    policy.kind === 'year_quarter' ? [String(Math.floor(position / 4)), String((position % 4) + 1)] : [text]
  const date = boundDate(policy, bound)
  if (date) return date
  const year = policy.kind === 'year_quarter' ? position / 4 : position / 10_000
  if (!(Math.abs(year) < 100_000)) return /^-|BC$/.test(text) ? beginning : end.subtract({ days: 1 })
  const month = Math.min(12, Math.max(1, Math.floor(position / 100) % 100))
  return Temporal.PlainDate.from({ year: Math.floor(year), month, day: Math.max(1, position % 100) })
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
  const value = `(?:'(?:[^']|'')*'|[^',() ]+)`
  const list = String.raw`\((${value}(?:, ${value})*)\)`
  const match = new RegExp(`^FOR VALUES FROM ${list} TO ${list}$`, 'u').exec(text)
  if (!match) return undefined
  const read = (part: string) =>
    [...part.matchAll(new RegExp(value, 'gu'))].map(([token]) =>
      token.startsWith("'") ? token.slice(1, -1).replaceAll("''", "'") : token,
    )
  return { from: read(match[1] as string), to: read(match[2] as string) }
}

function valueSql(policy: Policy, value: string): string {
  if (isEndless(value)) return value
  return policy.kind === 'date_key' || policy.kind === 'year_quarter' ? String(Number(value)) : literal(value)
}

/** PostgreSQL writes years beyond 9999 plainly, and those before the first as BC, where ISO 8601 has a sign and six digits. */
function pgText({ year, month, day }: Temporal.PlainDate, rest = ''): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return `${shown}-${two(month)}-${two(day)}${rest}${year > 0 ? '' : ' BC'}`
}

function pgInstant(instant: Temporal.Instant): string {
  const utc = instant.toZonedDateTimeISO('UTC')
  return pgText(utc.toPlainDate(), ` ${utc.toPlainTime().toString({ smallestUnit: 'second' })}+00`)
}

/** A date or a time as PostgreSQL prints it, as Temporal reads it. */
function isoText(text: string): string {
  const [, year = '', rest = '', bc] = /^(\d+)(.*?)( BC)?$/.exec(text) ?? []
  const number = bc ? 1 - Number(year) : Number(year)
  return `${number < 0 ? '-' : '+'}${String(Math.abs(number)).padStart(6, '0')}${rest.replace(' ', 'T')}`
}

function instantOf(text: string): Temporal.Instant {
  return Temporal.Instant.from(isoText(text).replace(/([+-]\d\d)$/, '$1:00'))
}
