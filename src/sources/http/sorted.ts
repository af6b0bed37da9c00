import { Temporal } from 'temporal-polyfill'
import { instantsOf, type Window } from '../window.ts'
import { valueAt } from './protocol.ts'

/** As in the warehouse file. */
export interface Sorted {
  by: string
  order: 'oldest_first' | 'newest_first'
}

/** Whether records that come in order have left the window with this one: nothing of it can follow. */
export function isBeyond({ by, order }: Sorted, record: string, window: Window): boolean {
  const time = timeOf(valueAt(tryParse(record), by), window.zone)
  if (time === undefined) return false
  const { from, to } = instantsOf(window)
  return order === 'oldest_first'
    ? Temporal.Instant.compare(time, to) >= 0
    : Temporal.Instant.compare(time, from) < 0
}

/** An instant, or a local time of the zone; seconds or milliseconds since 1970. */
function timeOf(value: unknown, zone: string): Temporal.Instant | undefined {
  try {
    if (typeof value === 'number')
      return Temporal.Instant.fromEpochMilliseconds(Math.abs(value) < 1e11 ? value * 1000 : value)
    if (typeof value !== 'string') return undefined
    const text = value.trim()
    return /([zZ]|[+-]\d\d:?\d\d)$/.test(text) && /[T ]/.test(text)
      ? Temporal.Instant.from(text)
      : Temporal.PlainDateTime.from(text).toZonedDateTime(zone).toInstant()
  } catch {
    return undefined
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
