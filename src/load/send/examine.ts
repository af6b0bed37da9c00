import type { InputRecord } from '../../sources/file/reader.ts'
import type { TableColumn } from '../columns.ts'
import type { LoadTarget } from '../target.ts'

/** Whether PostgreSQL certainly takes a text for a value; false means only that it must be asked. */
type Certain = (text: string) => boolean

const blank = /^[ \t]*|[ \t]*$/g
const timeOfDay =
  /^[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?$/
const integer = (digits: number): Certain => {
  const shape = new RegExp(`^[ \\t]*[+-]?\\d{1,${digits}}[ \\t]*$`)
  return (text) => shape.test(text)
}
const real = /^[ \t]*[+-]?\d{1,15}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?[ \t]*$/
const short = /^[ \t]*[+-]?\d{1,15}(?:\.\d{1,20})?[ \t]*$/
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/**
 * The test of a column, strict on purpose: what it lets pass PostgreSQL takes without doubt, and what it does not let pass
 * is shown to PostgreSQL.
 *
 * @param notNull NULL is not certain
 * @returns undefined where every text and NULL are certain
 */
function certainty(column: TableColumn, notNull: boolean): ((text: string | null) => boolean) | undefined {
  const certain = byType(column)
  if (certain === always) return notNull ? (text) => text !== null : undefined
  return (text) => (text === null ? !notNull : certain(text))
}

/** The tests of all columns that come from the file as they are. */
export function certainRecord(target: LoadTarget): (record: InputRecord) => boolean {
  const tests = target.plan.filled.flatMap(({ column, from }) => {
    const certain = certainty(column, target.mustHaveValue(column))
    return 'input' in from && certain ? [{ index: from.input, certain }] : []
  })
  return ({ fields }) => {
    for (const { index, certain } of tests) if (!certain(fields[index] as string | null)) return false
    return true
  }
}

const always: Certain = () => true

function byType({ base, most_characters, precision, scale }: TableColumn): Certain {
  switch (base) {
    case 'text':
      return always
    case 'varchar':
    case 'bpchar':
      return most_characters === null && base === 'varchar'
        ? always
        : most_characters === null
          ? () => false
          : (text) => text.length <= most_characters
    case 'int2':
      return integer(4)
    case 'int4':
      return integer(9)
    case 'int8':
      return integer(18)
    case 'float8':
    case 'float4':
      return (text) => (base === 'float8' ? real : short).test(text)
    case 'numeric':
      return numeric(precision, scale)
    case 'bool':
      return (text) => /^(?:t|f|true|false|0|1|yes|no|on|off)$/i.test(text)
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return isDateTime
    case 'uuid':
      return (text) => uuid.test(text)
    default:
      return () => false
  }
}

/** Digits before the point must be fewer than the column has room for, one for rounding up. */
function numeric(precision: number | null, scale: number | null): Certain {
  if (precision === null || scale === null) return (text) => real.test(text)
  const room = precision - scale
  return (text) => {
    if (!short.test(text)) return false
    const digits = text.replace(blank, '').replace(/^[+-]/, '').split('.')[0] as string
    return digits.length < room || (digits.length === room && !/^9/.test(digits))
  }
}

/** `2024-02-29`, with a time and a zone or without; read by its character codes, for it is the dearest test of all. */
function isDateTime(text: string): boolean {
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false
  const century = twoDigits(text, 0)
  const year = twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (!(century >= 0 && year >= 0 && century + year > 0 && month >= 1 && month <= 12 && day >= 1))
    return false
  if (day > 28 && day > daysOf(century * 100 + year, month)) return false
  return text.length === 10 || timeOfDay.test(text.slice(10))
}

/** NaN for what is no digit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/** The days of a month of the Gregorian calendar. */
export function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year < 100 ? year + 400 : year, month, 0)).getUTCDate()
}
