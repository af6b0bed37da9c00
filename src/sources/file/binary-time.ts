const [DASH, COLON, POINT, T, SPACE, Z, PLUS] = [0x2d, 0x3a, 0x2e, 0x54, 0x20, 0x5a, 0x2b]
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** Days from 1970 to 2000. */
const epochDays = 10_957

/** The number that some digits make; NaN for what is none. */
function digitsAt(bytes: Uint8Array, from: number, count: number): number {
  let value = 0
  for (let at = from; at < from + count; at++) {
    const digit = (bytes[at] as number) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** `2024-02-29`, which means the same under every DateStyle, as days since 2000; NaN for anything else. */
export function daysSince2000(bytes: Uint8Array, from: number, to: number): number {
  if (to - from !== 10 || bytes[from + 4] !== DASH || bytes[from + 7] !== DASH) return Number.NaN
  const year = digitsAt(bytes, from, 4)
  const month = digitsAt(bytes, from + 5, 2)
  const day = digitsAt(bytes, from + 8, 2)
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return Number.NaN
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day > (monthDays[month - 1] as number) + (isLeap && month === 2 ? 1 : 0)) return Number.NaN
  return daysOfCivil(year, month, day) - epochDays
}

/** Days since 1970 of a date of the Gregorian calendar, counted in years that begin in March, so that leap days come last. */
function daysOfCivil(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const leaps = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return shifted * 365 + leaps + ofYear - 719_468
}

/**
 * `2024-02-29T23:59:59.999999`, with `Z` or an offset behind it where `zoned`, as microseconds since 2000; NaN for anything else:
 * PostgreSQL would take the zone of the session where one is missing, and leave one out that is not wanted.
 */
export function isoMicroseconds(bytes: Uint8Array, from: number, to: number, zoned: boolean): number {
  const days = daysSince2000(bytes, from, from + 10)
  const separator = bytes[from + 10]
  if (to - from < 19 || (separator !== T && separator !== SPACE)) return Number.NaN
  if (bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return Number.NaN
  const hour = digitsAt(bytes, from + 11, 2)
  const minute = digitsAt(bytes, from + 14, 2)
  const second = digitsAt(bytes, from + 17, 2)
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN
  let at = from + 19
  let fraction = 0
  if (bytes[at] === POINT && at < to) {
    let end = at + 1
    while (end < to && end <= at + 7 && !Number.isNaN(digitsAt(bytes, end, 1))) end++
    const digits = end - at - 1
    if (digits < 1 || digits > 6) return Number.NaN
    fraction = digitsAt(bytes, at + 1, digits) * 10 ** (6 - digits)
    at = end
  }
  const offset = zoned ? offsetMinutes(bytes, at, to) : at === to ? 0 : Number.NaN
  const microseconds =
    ((days * 24 + hour) * 60 + minute - offset) * 60_000_000 + second * 1_000_000 + fraction
  return Number.isSafeInteger(microseconds) ? microseconds : Number.NaN
}

/** `Z`, `+02`, `+0200`, `+02:00`. */
function offsetMinutes(bytes: Uint8Array, from: number, to: number): number {
  const sign = bytes[from]
  if (sign === Z) return from + 1 === to ? 0 : Number.NaN
  if ((sign !== PLUS && sign !== DASH) || to - from < 3) return Number.NaN
  const hours = digitsAt(bytes, from + 1, 2)
  const rest = bytes[from + 3] === COLON ? from + 4 : from + 3
  const minutes = to === from + 3 ? 0 : to === rest + 2 ? digitsAt(bytes, rest, 2) : Number.NaN
  if (!(hours <= 14 && minutes <= 59)) return Number.NaN
  return (sign === DASH ? -1 : 1) * (hours * 60 + minutes)
}
