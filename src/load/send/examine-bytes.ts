import type { TableColumn } from '../columns.ts'
import { daysOf } from './examine.ts'

/** Whether PostgreSQL certainly takes some bytes, which are not NULL, for a value; the twin of a test in examine.ts. */
type ByteTest = (bytes: Uint8Array, from: number, to: number) => boolean

/** What is known of the values of one column without asking the server. */
export interface ByteExamination {
  /** Undefined where every text is certain. */
  certain: ByteTest | undefined
  mayBeNull: boolean
}

/** A record of some bytes, with its line end. */
export interface Span {
  /** Records before it. */
  index: number
  from: number
  to: number
}

const LF = 10

/**
 * Finds the records in which something is in doubt, without making a string of any field: a thousandth of a millisecond a
 * record is what a load of millions can spare.
 *
 * @param bytes whole lines without quotes: each delimiter and each line end is one
 * @param columns in the order of the file; a record with more or fewer fields is in doubt
 * @returns undefined where a line is blank, which is no record
 */
export function doubtfulSpans(
  bytes: Uint8Array,
  delimiter: number,
  nullText: Uint8Array,
  columns: ByteExamination[],
): Span[] | undefined {
  const doubtful: Span[] = []
  const { length } = bytes
  const count = columns.length
  let index = 0
  for (let start = 0; start < length; index++) {
    if (bytes[start] === LF) return undefined
    let column = 0
    let fine = true
    let from = start
    let at = start
    for (; at < length; at++) {
      const byte = bytes[at]
      if (byte !== delimiter && byte !== LF) continue
      if (fine)
        fine = column < count && isCertain(columns[column] as ByteExamination, bytes, from, at, nullText)
      column++
      from = at + 1
      if (byte === LF) break
    }
    if (at >= length) {
      if (fine)
        fine = column < count && isCertain(columns[column] as ByteExamination, bytes, from, at, nullText)
      column++
    }
    if (!fine || column !== count) doubtful.push({ index, from: start, to: Math.min(at + 1, length) })
    start = at + 1
  }
  return doubtful
}

function isCertain(
  { certain, mayBeNull }: ByteExamination,
  bytes: Uint8Array,
  from: number,
  to: number,
  nullText: Uint8Array,
): boolean {
  if (to - from === nullText.length && isSame(bytes, from, nullText)) return mayBeNull
  return certain === undefined || certain(bytes, from, to)
}

function isSame(bytes: Uint8Array, from: number, other: Uint8Array): boolean {
  for (let n = 0; n < other.length; n++) if (bytes[from + n] !== other[n]) return false
  return true
}

/** @param notNull NULL is in doubt */
export function byteExamination(column: TableColumn, notNull: boolean): ByteExamination {
  return { certain: byteTest(column), mayBeNull: !notNull }
}

function byteTest({ base, most_characters, precision, scale }: TableColumn): ByteTest | undefined {
  switch (base) {
    case 'text':
      return undefined
    case 'varchar':
    case 'bpchar':
      if (most_characters === null) return base === 'varchar' ? undefined : never
      // Characters are never more than bytes.
      return (_, from, to) => to - from <= most_characters
    case 'int2':
      return integer(4)
    case 'int4':
      return integer(9)
    case 'int8':
      return integer(18)
    case 'float8':
      return decimal(15)
    case 'float4':
      return decimal(15)
    case 'numeric':
      return precision === null || scale === null ? decimal(15) : decimal(Math.min(15, precision - scale - 1))
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return dateTime
    default:
      return never
  }
}

const never: ByteTest = () => false

/** Behind a sign. */
function unsigned(bytes: Uint8Array, from: number): number {
  return bytes[from] === 45 || bytes[from] === 43 ? from + 1 : from
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 48 && byte <= 57

function integer(most: number): ByteTest {
  return (bytes, from, to) => {
    const first = unsigned(bytes, from)
    if (to - first < 1 || to - first > most) return false
    for (let at = first; at < to; at++) if (!isDigit(bytes[at])) return false
    return true
  }
}

/** Digits, and a point with digits; no exponent. */
function decimal(most: number): ByteTest {
  return (bytes, from, to) => {
    let at = unsigned(bytes, from)
    const first = at
    while (at < to && isDigit(bytes[at])) at++
    if (at - first < 1 || at - first > most) return false
    if (at === to) return true
    if (bytes[at] !== 46 || to - at < 2 || to - at > 21) return false
    for (at++; at < to; at++) if (!isDigit(bytes[at])) return false
    return true
  }
}

/** NaN for what is no digit. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] as number
  const ones = bytes[at + 1] as number
  return isDigit(tens) && isDigit(ones) ? (tens - 48) * 10 + ones - 48 : Number.NaN
}

/** `2024-02-29`, and ` 12:34:56.789+00` behind it or not. */
const dateTime: ByteTest = (bytes, from, to) => {
  if (to - from < 10 || bytes[from + 4] !== 45 || bytes[from + 7] !== 45) return false
  const year = two(bytes, from) * 100 + two(bytes, from + 2)
  const month = two(bytes, from + 5)
  const day = two(bytes, from + 8)
  if (!(year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return false
  if (day > 28 && day > daysOf(year, month)) return false
  return to - from === 10 || isTime(bytes, from + 10, to)
}

function isTime(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 6 || (bytes[from] !== 32 && bytes[from] !== 84) || bytes[from + 3] !== 58) return false
  if (!(two(bytes, from + 1) <= 23 && two(bytes, from + 4) <= 59)) return false
  let at = from + 6
  if (bytes[at] === 58) {
    if (!(two(bytes, at + 1) <= 59)) return false
    at += 3
    if (bytes[at] === 46 && at < to) {
      const point = at++
      while (at < to && isDigit(bytes[at])) at++
      if (at - point < 2 || at - point > 10) return false
    }
  }
  return at === to || isZone(bytes, at, to)
}

/** `Z`, `+01`, `+0130` or `+01:30` */
function isZone(bytes: Uint8Array, at: number, to: number): boolean {
  if (bytes[at] === 90) return to - at === 1
  if (bytes[at] !== 43 && bytes[at] !== 45) return false
  if (!(two(bytes, at + 1) <= 14)) return false
  if (to - at === 3) return true
  const minutes = bytes[at + 3] === 58 ? at + 4 : at + 3
  return to - minutes === 2 && two(bytes, minutes) <= 59
}
