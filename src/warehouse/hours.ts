import type { Temporal } from 'temporal-polyfill'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** When work may begin: some days of the week, from one time of the day to another, by the clock of a zone. */
export interface Hours {
  /** As written. */
  text: string
  /** ISO numbers, 1 is Monday: the days on which the hours begin. */
  days: Set<number>
  /** Minutes since midnight; hours whose end is not after their beginning reach into the next day. */
  from: number
  to: number
  zone: string
}

/** Reads `Mon-Fri 20:00-06:00 Europe/Paris`; the text must have passed the schema `timeWindow`. */
export function readHours(text: string): Hours {
  const [, days, from, to, zone] = /^(?:([A-Z][a-z]{2}\S*)\s+)?(\d\d:\d\d)[-–](\d\d:\d\d)(?:\s+(\S+))?$/.exec(
    text.trim(),
  ) as RegExpExecArray
  return { text, days: daysOf(days), from: minutes(from), to: minutes(to), zone: zone ?? 'UTC' }
}

/** `Mon-Wed,Sat`; from Fri to Mon it goes over the weekend. */
function daysOf(text: string | undefined): Set<number> {
  if (text === undefined) return new Set([1, 2, 3, 4, 5, 6, 7])
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const [first, last] = part.split(/[-–]/).map((name) => weekdays.indexOf(name) + 1) as [number, number?]
    for (let day = first; ; day = (day % 7) + 1) {
      days.add(day)
      if (day === (last ?? first)) break
    }
  }
  return days
}

function minutes(clock: string | undefined): number {
  const [hour = 0, minute = 0] = (clock ?? '').split(':').map(Number)
  return hour * 60 + minute
}

/** Whether work may begin at an instant. */
export function isOpen({ days, from, to, zone }: Hours, now: Temporal.Instant): boolean {
  const clock = now.toZonedDateTimeISO(zone)
  const minute = clock.hour * 60 + clock.minute
  const isDay = days.has(clock.dayOfWeek)
  if (from < to) return isDay && from <= minute && minute < to
  // The hours that began yesterday are those of yesterday's day.
  const wasDay = days.has(((clock.dayOfWeek + 5) % 7) + 1)
  return (isDay && minute >= from) || (wasDay && minute < to)
}

/** When work may begin next: at once where it may. */
export function nextOpening(hours: Hours, now: Temporal.Instant): Temporal.Instant {
  if (isOpen(hours, now)) return now
  const today = now.toZonedDateTimeISO(hours.zone).toPlainDate()
  for (let days = 0; days <= 7; days++) {
    const date = today.add({ days })
    if (!hours.days.has(date.dayOfWeek)) continue
    // A time that the clocks jump over in spring is the first one after it.
    const opening = date
      .toPlainDateTime({ hour: Math.floor(hours.from / 60), minute: hours.from % 60 })
      .toZonedDateTime(hours.zone)
      .toInstant()
    if (opening.epochMilliseconds > now.epochMilliseconds) return opening
  }
  return now
}

/** When hours that are open close. */
export function nextClosing({ from, to, zone }: Hours, now: Temporal.Instant): Temporal.Instant {
  const clock = now.toZonedDateTimeISO(zone)
  const isBehindMidnight = to <= from && clock.hour * 60 + clock.minute < to
  const date = clock.toPlainDate().add({ days: to > from || isBehindMidnight ? 0 : 1 })
  const closing = date.toPlainDateTime({ hour: Math.floor(to / 60), minute: to % 60 })
  const first = closing.toZonedDateTime(zone, { disambiguation: 'earlier' })
  // A time that the clocks jump over in spring is over with the jump; of two in autumn it is the one to come.
  if (!first.toPlainDateTime().equals(closing)) return first.getTimeZoneTransition('next')?.toInstant() ?? now
  if (first.epochMilliseconds > now.epochMilliseconds) return first.toInstant()
  return closing.toZonedDateTime(zone, { disambiguation: 'later' }).toInstant()
}
