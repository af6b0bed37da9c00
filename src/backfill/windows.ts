import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { addPeriods, periodStart } from '../partitions/periods.ts'
import type { Window } from '../sources/window.ts'
import type { Grain, Policy } from '../warehouse/schema.ts'

/** What one window holds: a calendar period, so many days counted from the first one, or what suits the leaves. */
export type ChunkSize = Grain | 'small' | { days: number }

/** A half-open interval of days, before a zone has given it its clock. */
export interface DaySpan {
  from: Temporal.PlainDate
  to: Temporal.PlainDate
}

/** More windows than this are a mistake: a century of days. */
const mostWindows = 36_600

const { compare } = Temporal.PlainDate

/** `month`, `small`, `10 days` */
export function chunkSize(text: string): ChunkSize | undefined {
  const [, days] = /^([1-9]\d{0,3}) days?$/.exec(text) ?? []
  if (days !== undefined) return { days: Number(days) }
  return ['day', 'week', 'month', 'quarter', 'year', 'small'].includes(text) ? (text as ChunkSize) : undefined
}

/** In order, as few as hold the same days. */
export function joined(spans: DaySpan[]): DaySpan[] {
  const all: DaySpan[] = []
  for (const span of spans.toSorted((a, b) => compare(a.from, b.from))) {
    const last = all.at(-1)
    if (last && compare(span.from, last.to) <= 0) {
      if (compare(last.to, span.to) < 0) last.to = span.to
    } else all.push({ ...span })
  }
  return all
}

/** As `windowsOf`, of several spans that may share a quarter. */
export function windowsOfAll(spans: DaySpan[], size: ChunkSize, policy: Policy | undefined): Window[] {
  const asked = policy?.kind === 'year_quarter' ? joined(spans.map(wholeQuarters)) : spans
  return asked.flatMap((span) => windowsOf(span, size, policy))
}

/**
 * Cuts a span into windows. Calendar periods end where the calendar ends them, so that the same windows come back whatever the
 * span was; only the first and the last may be cut short.
 *
 * @param policy of the dataset; undefined where it is not partitioned
 * @throws DwhError USAGE for too many of them
 */
export function windowsOf(span: DaySpan, size: ChunkSize, policy: Policy | undefined): Window[] {
  const zone = policy?.zone ?? 'UTC'
  const { from, to } = policy?.kind === 'year_quarter' ? wholeQuarters(span) : span
  const unit = fitting(size, policy)
  const windows: Window[] = []
  for (let start = from; compare(start, to) < 0; ) {
    const end = earlier(endOf(start, unit), to)
    windows.push({ from: start, to: end, zone })
    start = end
    if (windows.length > mostWindows) {
      throw new DwhError(
        'USAGE',
        `${span.from} to ${span.to} has more than ${mostWindows.toLocaleString('en')} windows; nothing was changed`,
        { hint: 'choose a larger --chunk, or fewer years at a time' },
      )
    }
  }
  return windows
}

function endOf(start: Temporal.PlainDate, unit: Grain | { days: number }): Temporal.PlainDate {
  return typeof unit === 'string' ? addPeriods(periodStart(start, unit), unit, 1) : start.add(unit)
}

/**
 * `small` is what a source that times out can give: a day for leaves of a month or less and for tables without leaves, a week
 * for leaves of a quarter or a year. Where only the quarter of a row is known, no window is smaller than that.
 */
function fitting(size: ChunkSize, policy: Policy | undefined): Grain | { days: number } {
  const small = policy?.grain === 'quarter' || policy?.grain === 'year' ? 'week' : 'day'
  const unit = size === 'small' ? small : size
  return policy?.kind === 'year_quarter' && unit !== 'year' ? 'quarter' : unit
}

/** The quarters that a span touches. */
function wholeQuarters({ from, to }: DaySpan): DaySpan {
  const last = periodStart(to, 'quarter')
  return {
    from: periodStart(from, 'quarter'),
    to: compare(last, to) < 0 ? addPeriods(last, 'quarter', 1) : to,
  }
}

function earlier(one: Temporal.PlainDate, other: Temporal.PlainDate): Temporal.PlainDate {
  return compare(one, other) < 0 ? one : other
}
