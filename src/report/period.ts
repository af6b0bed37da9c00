import { Temporal } from 'temporal-polyfill'

/** What a report is about: from its first moment to that after its last. */
export interface Period {
  from: Date
  until: Date
}

/** A month of UTC, such as 2026-11; without one the last 30 days. */
export function periodOf(month: string | undefined, now: Date): Period {
  if (month === undefined)
    return { from: new Date(now.getTime() - 30 * 86_400_000), until: new Date(now.getTime() + 1000) }
  const first = Temporal.PlainYearMonth.from(month).toPlainDate({ day: 1 })
  const at = (date: Temporal.PlainDate) => new Date(date.toZonedDateTime('UTC').epochMilliseconds)
  return { from: at(first), until: at(first.add({ months: 1 })) }
}
