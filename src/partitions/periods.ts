import { Temporal } from 'temporal-polyfill'
import type { Grain } from '../warehouse/schema.ts'

type Date = Temporal.PlainDate

/** A calendar period of one grain: [start, end). */
export interface Period {
  start: Date
  end: Date
}

/** The start of the period that holds `date`; weeks are ISO weeks and start on Monday. */
export function periodStart(date: Date, grain: Grain): Date {
  switch (grain) {
    case 'day':
      return date
    case 'week':
      return date.subtract({ days: date.dayOfWeek - 1 })
    case 'month':
      return date.with({ day: 1 })
    case 'quarter':
      return date.with({ month: quarterOf(date) * 3 - 2, day: 1 })
    case 'year':
      return date.with({ month: 1, day: 1 })
  }
}

/** The start of the period that lies `count` periods after the one starting at `start`; `count` may be negative. */
export function addPeriods(start: Date, grain: Grain, count: number): Date {
  switch (grain) {
    case 'day':
      return start.add({ days: count })
    case 'week':
      return start.add({ weeks: count })
    case 'month':
      return start.add({ months: count })
    case 'quarter':
      return start.add({ months: 3 * count })
    case 'year':
      return start.add({ years: count })
  }
}

/** The period that holds `date`. */
export function periodOf(date: Date, grain: Grain): Period {
  const start = periodStart(date, grain)
  return { start, end: addPeriods(start, grain, 1) }
}

/** Every period that touches [from, until), in order, lazily: the caller decides how many are too many. */
export function* periodsBetween(from: Date, until: Date, grain: Grain): Generator<Period> {
  const { compare } = Temporal.PlainDate
  if (compare(from, until) >= 0) return
  for (let start = periodStart(from, grain); compare(start, until) < 0; ) {
    const end = addPeriods(start, grain, 1)
    yield { start, end }
    start = end
  }
}

/** `2023`, `2023_q1`, `2023_05`, `2023_w05` (year and number of the ISO week) or `2023_05_17`. */
export function periodLabel({ start }: Period, grain: Grain): string {
  const two = (value: number) => String(value).padStart(2, '0')
  switch (grain) {
    case 'day':
      return `${start.year}_${two(start.month)}_${two(start.day)}`
    case 'week':
      return `${start.yearOfWeek}_w${two(start.weekOfYear as number)}`
    case 'month':
      return `${start.year}_${two(start.month)}`
    case 'quarter':
      return `${start.year}_q${quarterOf(start)}`
    case 'year':
      return String(start.year)
  }
}

export function quarterOf(date: Date): number {
  return Math.ceil(date.month / 3)
}
