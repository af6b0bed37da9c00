import { instantsOf, type Window } from '../window.ts'

/** Hours since 1970 in UTC, half-open. */
export interface Hours {
  from: number
  to: number
}

const hour = 3600_000

/** The hours whose beginning lies in a window; without one all that a station can have measured. */
export function hoursOf(window: Window | undefined): Hours {
  if (window === undefined) return { from: Date.UTC(1700) / hour, to: Date.UTC(2200) / hour }
  const { from, to } = instantsOf(window)
  return { from: Math.ceil(from.epochMilliseconds / hour), to: Math.ceil(to.epochMilliseconds / hour) }
}

/** The first hour of a day like 20231231. */
export function hourOfDay(day: number): number {
  return Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1, day % 100) / hour
}
