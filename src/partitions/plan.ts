import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { fitName, type RelationName } from '../postgres/identifiers.ts'
import type { Policy } from '../warehouse/schema.ts'
import { spanSeconds } from '../warehouse/values.ts'
import { datesOf, limits, type Range, rangeOf } from './bounds.ts'
import { addPeriods, type Period, periodLabel, periodOf, periodsBetween } from './periods.ts'
import type { Leaf } from './tree.ts'

type Date = Temporal.PlainDate

/** A leaf to create. Without a range it is the unknown leaf. */
export interface PlannedLeaf extends RelationName {
  range: Range | undefined
}

/** [from, until) of leaves that somebody asks for beside those that the policy wants. */
export interface WantedSpan {
  from: Date
  until: Date
}

const { compare } = Temporal.PlainDate
const earliest = (dates: Date[]): Date | undefined => dates.toSorted(compare)[0]
const latest = (dates: Date[]): Date | undefined => dates.toSorted(compare).at(-1)

/**
 * The leaves that a policy wants and the table does not have: the span of the policy, those to come by the clock, the
 * gaps between them, and the unknown leaf. A leaf far beyond (somebody's mistake of a date) draws no gaps after it.
 *
 * @param existing leaves of the table; none for a table that does not exist yet
 * @param today by the server's clock in the policy's zone
 * @param wanted periods that must have a leaf whatever the policy says, such as those that hold rows
 * @throws DwhError CONFIG_INVALID when that would be more leaves than the policy allows
 */
export function planLeaves(
  name: RelationName,
  policy: Policy,
  existing: Leaf[],
  today: Date,
  wanted: WantedSpan[] = [],
): PlannedLeaf[] {
  const ranges = existing.flatMap(({ range }) => (range ? [datesOf(policy, range)] : []))
  const missing = new Map<string, Period>()
  for (const { from, until } of wantedSpans(policy, ranges, today, wanted)) {
    for (const period of uncovered(periodsBetween(from, until, policy.grain), ranges)) {
      if (compare(period.start, policy.ceiling) >= 0) break
      if (isSkipped(policy, period)) continue
      missing.set(period.start.toString(), period)
      if (missing.size + existing.length > policy.most) throw tooMany(name, policy)
    }
  }
  const planned: PlannedLeaf[] = [...missing.values()]
    .toSorted((a, b) => compare(a.start, b.start))
    .map((period) => ({
      schema: name.schema,
      name: fitName(name.name, `_${periodLabel(period, policy.grain)}`),
      range: rangeOf(policy, period),
    }))
  if (wantsUnknown(policy) && !existing.some(({ range }) => range === undefined)) {
    planned.push({ schema: name.schema, name: unknownLeafName(name, policy), range: undefined })
  }
  return planned
}

/** Days of a grain, the shortest that there are. */
export const grainDays: Record<Policy['grain'], number> = {
  day: 1,
  week: 7,
  month: 28,
  quarter: 90,
  year: 365,
}

/** Days from today to the end of the last leaf that follows without a gap; undefined without any leaf. */
export function runwayDays(policy: Policy, leaves: Leaf[], today: Date): number | undefined {
  const spans = leaves.flatMap(({ range }) => (range ? [datesOf(policy, range)] : []))
  let end = latest(spans.filter(({ from }) => compare(from, today) <= 0).map(({ until }) => until))
  if (!end) return undefined
  for (const span of spans.toSorted((a, b) => compare(a.from, b.from))) {
    if (compare(span.from, end) <= 0 && compare(span.until, end) > 0) end = span.until
  }
  return today.until(end, { largestUnit: 'day' }).days
}

/** The date from which on the policy keeps leaves: one that ends at it or before has had its time. */
export function keptSince({ retention }: Policy, today: Date): Date | undefined {
  if (!retention) return undefined
  const { amount, unit } = retention.keep
  // What is shorter than a day counts as one: leaves hold days.
  const days = Math.ceil(spanSeconds(retention.keep) / 86_400)
  return today.subtract(unit === 'month' || unit === 'year' ? { [`${unit}s`]: amount } : { days })
}

/** The periods from today on, of which none may be missing a leaf if the policy premakes by the clock. */
export function premadeSpan(policy: Policy, today: Date): WantedSpan | undefined {
  if (policy.premake === 0) return undefined
  const current = periodOf(today, policy.grain)
  return { from: current.start, until: addPeriods(current.start, policy.grain, policy.premake + 1) }
}

function wantedSpans(
  policy: Policy,
  existing: WantedSpan[],
  today: Date,
  wanted: WantedSpan[],
): WantedSpan[] {
  const premade = premadeSpan(policy, today)
  const horizon = latest([...(policy.until ? [policy.until] : []), ...(premade ? [premade.until] : [])])
  const { floor } = limits(policy)
  const reach = horizon ?? periodOf(today, policy.grain).end
  const near = existing.filter(({ from, until }) => compare(until, floor) > 0 && compare(from, reach) < 0)
  const starts = [
    ...(premade ? [premade.from] : []),
    // A leaf from MINVALUE on begins nowhere, and there is no gap before its end.
    ...near.map(({ from, until }) => (compare(from, floor) < 0 ? until : from)),
    ...wanted.map(({ from }) => from),
  ]
  const kept = keptSince(policy, today)
  const since = policy.from ?? earliest(starts)
  // What retention has taken away is no gap.
  const first = since && kept ? latest([since, periodOf(kept, policy.grain).start]) : since
  const last = horizon ?? latest([...near, ...wanted].map(({ until }) => until))
  const continuous = first && last && compare(first, last) < 0 ? [{ from: first, until: last }] : []
  return [...continuous, ...wanted]
}

/** Those of the periods, which come in order, that no span touches. */
function* uncovered(periods: Iterable<Period>, spans: WantedSpan[]): Generator<Period> {
  const ordered = spans.toSorted((a, b) => compare(a.from, b.from))
  let next = 0
  let covered: Date | undefined
  for (const period of periods) {
    for (let span = ordered[next]; span && compare(span.from, period.end) < 0; span = ordered[++next]) {
      if (!covered || compare(span.until, covered) > 0) covered = span.until
    }
    if (!covered || compare(covered, period.start) <= 0) yield period
  }
}

/** A day that a zone left out, as Pacific/Apia did with 30 December 2011, has no instant for a leaf to hold. */
function isSkipped(policy: Policy, period: Period): boolean {
  const { from, to } = rangeOf(policy, period)
  return from.join() === to.join()
}

/** One that is made when it is needed is not missing while it is not there. */
function wantsUnknown({ unknown }: Policy): boolean {
  return typeof unknown === 'object' ? !unknown.when_needed : unknown
}

function unknownLeafName(name: RelationName, { unknown }: Policy): string {
  return (typeof unknown === 'object' ? unknown.leaf : undefined) ?? fitName(name.name, '_unknown')
}

function tooMany(name: RelationName, policy: Policy): DwhError {
  return new DwhError(
    'CONFIG_INVALID',
    `${name.name} would get more than ${policy.most} leaves by ${policy.grain}; nothing was changed`,
    { hint: 'a wrong date may be behind it; else choose a coarser grain, or raise `most` in the policy' },
  )
}
