import { Temporal } from 'temporal-polyfill'
import { type CronFields, fitsDay, parseCron } from '../warehouse/cron.ts'

/** When something is to be done: by the clock on the wall of a place. */
export interface Times {
  cron: string
  zone: string
}

/** One due time; moments are milliseconds since 1970. */
export interface Due {
  at: number
  /** The time on the wall, as milliseconds of a clock in UTC, that did not exist: the clock was put forward over it. */
  leapt?: number
}

const minute = 60_000
const day = 24 * 60 * minute

/**
 * Every due time after `after` and not after `until`, in order; pure arithmetic, whatever the clock of this machine says.
 *
 * A time on the wall that does not exist is due at the first moment after it, once however many there are; one that comes twice
 * is due the first time. Where the hours are `*` or a step every hour of the world counts: both 02:15 of an autumn night.
 */
export function* dueTimes({ cron, zone }: Times, after: number, until: number): Generator<Due> {
  const fields = read(cron)
  for (const { from, to, offset, before } of stretches(zone, after, until)) {
    let last = Number.NEGATIVE_INFINITY
    if (!fields.everyHour && offset > before && from > after && from <= until) {
      const { value: leapt } = wallTimes(fields, from + before, from + offset).next()
      if (leapt !== undefined) {
        yield { at: from, leapt }
        last = from
      }
    }
    const repeatedTo = fields.everyHour ? from : from + Math.max(0, before - offset)
    const start = Math.max(repeatedTo, after + 1)
    for (const wall of wallTimes(fields, start + offset, Math.min(to, until + 1) + offset)) {
      if (wall - offset > last) yield { at: wall - offset }
    }
  }
}

/** What was found last of each: a daemon asks the same of every job every second, and the answer holds until it has come. */
const answers = new Map<string, { after: number; next: number }>()

/** The first due time after a moment. */
export function nextDue(times: Times, after: number): number {
  const key = `${times.cron} ${times.zone}`
  const known = answers.get(key)
  if (known && known.after <= after && after < known.next) return known.next
  const next = firstDue(times, after)
  answers.set(key, { after, next })
  return next
}

function firstDue(times: Times, after: number): number {
  // 29 February may be eight years away.
  const { value } = dueTimes(times, after, after + 9 * 366 * day).next()
  if (!value) throw new RangeError(`${times.cron} is never due`)
  return value.at
}

/** The longest time between two due times that follow each other, in seconds, within the year after a moment. */
export function longestPeriod(times: Times, after: number): number {
  let last = firstDue(times, after)
  let longest = firstDue(times, last) - last
  for (const { at } of dueTimes(times, last, last + 366 * day)) {
    longest = Math.max(longest, at - last)
    last = at
  }
  return longest / 1000
}

/** A time without a change of the clock: from its first moment to that of the next, and how far the clock is ahead of UTC. */
interface Stretch {
  from: number
  to: number
  offset: number
  /** Of the stretch before. */
  before: number
}

function* stretches(zone: string, after: number, until: number): Generator<Stretch> {
  const first = Temporal.Instant.fromEpochMilliseconds(after + 1).toZonedDateTimeISO(zone)
  // A change at this very moment is the one that begins the stretch.
  let begin = first.add({ nanoseconds: 1 }).getTimeZoneTransition('previous')
  let offset = offsetOf(first)
  let before = begin ? offsetOf(begin.subtract({ nanoseconds: 1 })) : offset
  for (let at = first; ; ) {
    const next = at.getTimeZoneTransition('next')
    const from = begin?.epochMilliseconds ?? Number.NEGATIVE_INFINITY
    const to = next?.epochMilliseconds ?? Number.POSITIVE_INFINITY
    yield {
      from: Math.max(from, after - 2 * day),
      to,
      offset,
      before: from < after - 2 * day ? offset : before,
    }
    if (!next || to > until) return
    before = offset
    offset = offsetOf(next)
    begin = next
    at = next
  }
}

const offsetOf = ({ offsetNanoseconds }: Temporal.ZonedDateTime) => offsetNanoseconds / 1e6

/** Times on the wall in [from, to) that fit, as milliseconds of a clock in UTC. */
function* wallTimes(fields: CronFields, from: number, to: number): Generator<number> {
  for (let midnight = Math.floor(from / day) * day; midnight < to; midnight += day) {
    if (!fitsDay(fields, new Date(midnight))) continue
    for (const hour of fields.hours) {
      for (const one of fields.minutes) {
        const wall = midnight + (hour * 60 + one) * minute
        if (wall >= to) return
        if (wall >= from) yield wall
      }
    }
  }
}

const parsed = new Map<string, CronFields>()

/** @throws RangeError for what the warehouse file would have refused, as for a zone that this machine does not know */
function read(cron: string): CronFields {
  const fields = parsed.get(cron) ?? parseCron(cron)
  if (!fields) throw new RangeError(`${cron} names no day that exists`)
  parsed.set(cron, fields)
  return fields
}
