import { daysSince2000, isoMicroseconds } from './binary-time.ts'

const [POINT, MINUS] = [0x2e, 0x2d]

/** How a text becomes a value of COPY's binary format. `epoch_ms` is a time: milliseconds since 1970. */
export type BinaryKind =
  | 'text'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float8'
  | 'bool'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'epoch_ms'

/** What a column of a row is made of: a column of the input, by its index, or the same text in every row. */
export type BinaryColumn = { input: number; kind: BinaryKind } | { constant: Buffer | null }

/** What COPY's binary format begins with: its signature, no flags, no extension; and what it ends with. */
export const binaryHeader = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
export const binaryTrailer = Buffer.from('ffff', 'hex')

/** Bytes of a value, which is no text. */
const widths = {
  int2: 2,
  int4: 4,
  int8: 8,
  float8: 8,
  bool: 1,
  date: 4,
  timestamp: 8,
  timestamptz: 8,
  epoch_ms: 8,
}

/**
 * Writes the value that some ASCII bytes stand for, behind its length: as PostgreSQL would read them as a text of that type. What
 * would be read otherwise under some setting, or is not certainly a value, is left to PostgreSQL.
 *
 * @param at where the length is written; there is room for it and 8 bytes
 * @returns where the next one is written, -1 where PostgreSQL has to be asked
 */
export function writeValue(
  kind: Exclude<BinaryKind, 'text'>,
  bytes: Uint8Array,
  from: number,
  to: number,
  view: DataView,
  at: number,
): number {
  const width = widths[kind]
  const place = at + 4
  view.setInt32(at, width)
  switch (kind) {
    case 'float8': {
      const value = realAt(bytes, from, to)
      if (value === undefined) return -1
      view.setFloat64(place, value)
      break
    }
    case 'epoch_ms': {
      const milliseconds = integerAt(bytes, from, to)
      const since2000 = milliseconds - 946_684_800_000
      // PostgreSQL computes with doubles of seconds: beyond it they are coarser than half a microsecond, and round otherwise.
      const limit = 2 ** 32 * 1000
      if (!(Math.abs(milliseconds) < limit && Math.abs(since2000) < limit)) return -1
      setInteger(view, place, since2000 * 1000)
      break
    }
    case 'date': {
      const days = daysSince2000(bytes, from, to)
      if (Number.isNaN(days)) return -1
      view.setInt32(place, days)
      break
    }
    case 'timestamp':
    case 'timestamptz': {
      const microseconds = isoMicroseconds(bytes, from, to, kind === 'timestamptz')
      if (Number.isNaN(microseconds)) return -1
      setInteger(view, place, microseconds)
      break
    }
    case 'bool': {
      const value = boolAt(bytes, from, to)
      if (value === undefined) return -1
      view.setUint8(place, value)
      break
    }
    default: {
      const value = integerAt(bytes, from, to)
      const limit = 2 ** (width * 8 - 1)
      if (!(value >= -limit && value < limit)) return -1
      if (kind === 'int8') setInteger(view, place, value)
      else if (kind === 'int4') view.setInt32(place, value)
      else view.setInt16(place, value)
    }
  }
  return place + width
}

/** @param value a safe integer */
export function setInteger(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 2 ** 32))
  view.setUint32(at + 4, value >>> 0)
}

/** An integer of up to 15 digits; NaN for anything else. */
function integerAt(bytes: Uint8Array, from: number, to: number): number {
  const isNegative = bytes[from] === MINUS
  const start = isNegative ? from + 1 : from
  if (start >= to || to - start > 15) return Number.NaN
  let value = 0
  for (let at = start; at < to; at++) {
    const digit = (bytes[at] as number) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return isNegative && value > 0 ? -value : value
}

const powers = Array.from({ length: 16 }, (_, n) => 10 ** n)
const real = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A number as both JavaScript and PostgreSQL round it; undefined for what is none, or is not certainly within the range of a double. */
function realAt(bytes: Uint8Array, from: number, to: number): number | undefined {
  const isNegative = bytes[from] === MINUS
  const start = isNegative ? from + 1 : from
  let mantissa = 0
  let point = -1
  // 15 digits and a power of ten are exact, and so is the rounding of their quotient.
  for (let at = start; at < to; at++) {
    const digit = (bytes[at] as number) - 48
    if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit
    else if (digit === POINT - 48 && point < 0) point = at
    else return anyReal(bytes, from, to)
  }
  const digits = to - start - (point < 0 ? 0 : 1)
  if (digits > 15 || point === start || point === to - 1 || digits === 0) return anyReal(bytes, from, to)
  const value = point < 0 ? mantissa : mantissa / (powers[to - 1 - point] as number)
  return isNegative ? -value : value
}

function anyReal(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (to - from > 400) return undefined
  const text = String.fromCharCode(...bytes.subarray(from, to))
  if (!real.test(text)) return undefined
  const value = Number(text)
  const size = Math.abs(value)
  return size > 1e-300 && size < 1e300 ? value : undefined
}

/** The words of JSON, and the digits. */
function boolAt(bytes: Uint8Array, from: number, to: number): 0 | 1 | undefined {
  const text = to - from > 5 ? '' : String.fromCharCode(...bytes.subarray(from, to))
  if (text === 'true' || text === '1') return 1
  return text === 'false' || text === '0' ? 0 : undefined
}
