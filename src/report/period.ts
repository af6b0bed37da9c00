import { Temporal } from 'temporal-polyfill'

/** What a report is about: from its first moment to that after its last. */
export interface Period {
  from: Date
  until: Date
}

/** A month of UTC, such as 2026-11; without one the last 30 days. */
export function periodOf(month: string | undefined, now: Date): Period {
  if (month === undefined) {
    const day = 86_400_000
    // With today as a whole, for what is counted by day.
    const until = (Math.floor(now.getTime() / day) + 1) * day
    return { from: new Date(until - 30 * day), until: new Date(until) }
  }
  const first = Temporal.PlainYearMonth.from(month).toPlainDate({ day: 1 })
  const at = (date: Temporal.PlainDate) => new Date(date.toZonedDateTime('UTC').epochMilliseconds)
  return { from: at(first), until: at(first.add({ months: 1 })) }
}

/**
 * What the monthly upkeep reports of: a month of UTC, and the days since, so that what was done today is in it. In its first
 * week a month has little to say, and upkeep that came late is that of the month before.
 */
export function upkeepPeriod(now: Date): Period & { month: string } {
  const today = Temporal.PlainDate.from(now.toISOString().slice(0, 10))
  const month = today.subtract({ days: 7 }).toPlainYearMonth().toString()
  return { month, from: periodOf(month, now).from, until: periodOf(undefined, now).until }
}

/** The last day of it. */
export const lastDay = ({ until }: Pick<Period, 'until'>) => new Date(until.getTime() - 1)
