import { Temporal } from 'temporal-polyfill'
import { dueTimes, type Times } from './due.ts'

/** One due time as people read it. */
export interface ExplainedDue {
  /** Milliseconds since 1970. */
  at: number
  /** `2027-03-28 03:00 +02:00`, by the clock of the zone. */
  local: string
  weekday: string
  /** What the change of the clocks makes of it; undefined on other days. */
  note: string | undefined
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Every due time of a year of the zone, with a word about those that a change of the clocks touches. */
export function explainYear(times: Times, year: number): ExplainedDue[] {
  const { zone } = times
  const begin = (of: number) => Temporal.PlainDate.from({ year: of, month: 1, day: 1 }).toZonedDateTime(zone)
  const from = begin(year).epochMilliseconds - 1
  const until = begin(year + 1).epochMilliseconds - 1
  return [...dueTimes(times, from, until)].map(({ at, leapt }) => {
    const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
    return {
      at,
      local: `${local.toPlainDate()} ${clock(local)} ${local.offset}`,
      weekday: weekdays[local.dayOfWeek - 1] ?? '',
      note: noteOf(local, leapt),
    }
  })
}

/** The changes of the clocks in a year: when, and by how many minutes. */
export function clockChanges(zone: string, year: number): { at: Temporal.ZonedDateTime; minutes: number }[] {
  const changes: { at: Temporal.ZonedDateTime; minutes: number }[] = []
  const begin = Temporal.PlainDate.from({ year, month: 1, day: 1 }).toZonedDateTime(zone)
  let at = begin.subtract({ nanoseconds: 1 }).getTimeZoneTransition('next')
  while (at && at.year === year) {
    const before = at.subtract({ nanoseconds: 1 }).offsetNanoseconds
    changes.push({ at, minutes: (at.offsetNanoseconds - before) / 60e9 })
    at = at.getTimeZoneTransition('next')
  }
  return changes
}

function noteOf(local: Temporal.ZonedDateTime, leapt: number | undefined): string | undefined {
  if (leapt !== undefined)
    return `the clock goes over ${new Date(leapt).toISOString().slice(11, 16)}: first moment after it`
  const wall = local.toPlainDateTime()
  const [first, second] = (['earlier', 'later'] as const).map((disambiguation) =>
    wall.toZonedDateTime(local.timeZoneId, { disambiguation }),
  )
  if (!first || !second || first.epochMilliseconds === second.epochMilliseconds) return undefined
  return `${clock(local)} comes twice: ${local.offset === first.offset ? 'the first' : 'the second'}`
}

const clock = (time: Temporal.ZonedDateTime) => time.toPlainTime().toString({ smallestUnit: 'minute' })
