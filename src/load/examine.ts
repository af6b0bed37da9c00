import type { TableColumn } from './columns.ts'

/** Whether PostgreSQL certainly takes a text for a value; false means only that it must be asked. */
type Certain = (text: string) => boolean

const blank = /^[ \t]*|[ \t]*$/g
const dateTime =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?$/
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
 */
export function certainty(column: TableColumn, notNull: boolean): (text: string | null) => boolean {
  const certain = byType(column)
  return (text) => (text === null ? !notNull : certain(text))
}

function byType({ base, most_characters, precision, scale }: TableColumn): Certain {
  switch (base) {
    case 'text':
      return () => true
    case 'varchar':
    case 'bpchar':
      return most_characters === null ? () => base === 'varchar' : (text) => text.length <= most_characters
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

function isDateTime(text: string): boolean {
  const match = dateTime.exec(text)
  if (!match) return false
  const [, year, month, day] = match.map(Number) as [number, number, number, number]
  if (year < 1 || month < 1 || month > 12 || day < 1) return false
  return day <= 28 || day <= new Date(Date.UTC(2000, month, 0)).getUTCDate() - (isShort(year, month) ? 1 : 0)
}

/** A February of 28 days. */
function isShort(year: number, month: number): boolean {
  return month === 2 && !(year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0))
}
