import type { SchemaElement, SchemaTree } from 'hyparquet'

/** What hyparquet decodes of one value, its annotations taken away. */
type Value = unknown

/** Text that PostgreSQL reads without loss; undefined for bytes that are said to be text and are none. */
export type ToText = (value: Value) => string | undefined

/**
 * The schema without what hyparquet would turn into types of JavaScript that lose: decimals into floats, times into
 * milliseconds, JSON into objects. Text stays text.
 */
export function withoutAnnotations(schema: SchemaElement[]): SchemaElement[] {
  return schema.map((element) => {
    if (element.num_children) return element
    const { converted_type, logical_type, ...bare } = element
    const kind = kindOf(element)
    if (kind === 'text') return { ...bare, converted_type: 'UTF8' }
    return kind === 'plain' ? element : bare
  })
}

type Kind = 'text' | 'plain' | 'bytes' | 'decimal' | 'date' | 'time' | 'timestamp' | 'interval'

function kindOf({ type, converted_type: converted, logical_type: logical }: SchemaElement): Kind {
  const name = logical?.type ?? ''
  if (['STRING', 'ENUM', 'JSON'].includes(name) || ['UTF8', 'ENUM', 'JSON'].includes(converted ?? ''))
    return 'text'
  if (name === 'DECIMAL' || converted === 'DECIMAL') return 'decimal'
  if (name === 'DATE' || converted === 'DATE') return 'date'
  if (name === 'TIMESTAMP' || converted?.startsWith('TIMESTAMP_') || type === 'INT96') return 'timestamp'
  if (name === 'TIME' || converted?.startsWith('TIME_')) return 'time'
  if (converted === 'INTERVAL') return 'interval'
  const isBytes = type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY'
  return isBytes && name !== 'UUID' && name !== 'FLOAT16' ? 'bytes' : 'plain'
}

/** How the values of a column become text; those of nested columns become JSON. */
export function toText(node: SchemaTree): ToText {
  if (node.children.length === 0 && node.element.repetition_type !== 'REPEATED') return leafText(node.element)
  return (value) => JSON.stringify(toJson(node, value, node.element.repetition_type === 'REPEATED'))
}

function leafText(element: SchemaElement): ToText {
  const [digits, utc] = [digitsOf(element), isUtc(element)]
  switch (kindOf(element)) {
    case 'text':
      return (value) => (typeof value === 'string' ? value : undefined)
    case 'decimal': {
      const scale = element.scale ?? 0
      return (value) => decimalText(integerOf(value), scale)
    }
    case 'date':
      return (value) => dateText(Number(value))
    case 'time':
      return (value) => timeText(Number(value), digits)
    case 'timestamp':
      return (value) => timestampText(value as number | bigint, digits, utc)
    case 'interval':
      return (value) => intervalText(value as Uint8Array)
    case 'bytes':
      return (value) => `\\x${Buffer.from(value as Uint8Array).toString('hex')}`
    case 'plain':
      return element.type === 'FLOAT' ? (value) => singleText(value as number) : plainText
  }
}

function plainText(value: Value): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The shortest text that is the same single-precision number again, as PostgreSQL writes a real. */
function singleText(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return plainText(rounded)
  }
  return plainText(value)
}

/** Of big-endian bytes in two's complement, or a number already. */
function integerOf(value: Value): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint)
  if (value.length === 0) return 0n
  return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`))
}

function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  if (scale <= 0) return `${sign}${digits}${'0'.repeat(-scale)}`
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** How many digits a unit has after the second: 3, 6 or 9. */
function digitsOf({ converted_type: converted, logical_type: logical, type }: SchemaElement): number {
  if (type === 'INT96') return 9
  const unit = logical && 'unit' in logical ? logical.unit : converted?.replace(/^TIME(STAMP)?_/, '')
  return { MILLIS: 3, MICROS: 6, NANOS: 9 }[unit as string] ?? 6
}

/** The older annotations mean instants; INT96 says nothing, and a time without a zone is what most take it for. */
function isUtc({ logical_type: logical, type }: SchemaElement): boolean {
  if (logical?.type === 'TIMESTAMP') return logical.isAdjustedToUTC
  return type !== 'INT96'
}

function timestampText(value: number | bigint, digits: number, utc: boolean): string {
  const { day, within } = splitDay(value, digits)
  const [date, era = ''] = dateText(day).split(' ')
  return `${date} ${timeText(within, digits)}${utc ? '+00' : ''}${era && ` ${era}`}`
}

/** The day since 1970 and the units within it; nanoseconds of today are beyond what a number holds exactly. */
function splitDay(value: number | bigint, digits: number): { day: number; within: number } {
  const length = 86_400 * 10 ** digits
  const units = Number(value)
  if (Number.isSafeInteger(units)) {
    const day = Math.floor(units / length)
    return { day, within: units - day * length }
  }
  const long = BigInt(length)
  const within = ((BigInt(value) % long) + long) % long
  return { day: Number((BigInt(value) - within) / long), within: Number(within) }
}

const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))

function timeText(within: number, digits: number): string {
  const unit = 10 ** digits
  const seconds = Math.floor(within / unit)
  const [hour, minute, second] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const time = `${twoDigits[hour]}:${twoDigits[minute]}:${twoDigits[second]}`
  const rest = within - seconds * unit
  return rest === 0 ? time : `${time}.${String(rest).padStart(digits, '0').replace(/0+$/, '')}`
}

/** Dates repeat: making the text of one takes a microsecond. */
const dates = new Map<number, string>()

function dateText(day: number): string {
  const known = dates.get(day)
  if (known !== undefined) return known
  if (dates.size > 10_000) dates.clear()
  const text = makeDate(day)
  dates.set(day, text)
  return text
}

/** Of days since 1970: `2024-02-29`, `0044-03-15 BC`. Beyond the years of JavaScript the number of days, which is no date. */
function makeDate(day: number): string {
  const date = new Date(day * 86_400_000)
  if (Number.isNaN(date.getTime())) return `day ${day}`
  const year = date.getUTCFullYear()
  const rest = date.toISOString().slice(-20, -14)
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return `${shown}${rest}${year > 0 ? '' : ' BC'}`
}

/** Three numbers of 32 bits, the lowest byte first: months, days, milliseconds. */
function intervalText(bytes: Uint8Array): string {
  const numbers = Buffer.from(bytes)
  const [months, days, milliseconds] = [0, 4, 8].map((at) => numbers.readUInt32LE(at)) as [
    number,
    number,
    number,
  ]
  return `P${months}M${days}DT${milliseconds / 1000}S`
}

/** Lists, maps and structs as hyparquet gives them, their values as the JSON that loses nothing. */
function toJson(node: SchemaTree, value: Value, repeated = false): unknown {
  if (value === undefined || value === null) return null
  if (repeated) return Array.from(value as Value[], (one) => toJson(node, one))
  const [child] = node.children
  if (child === undefined) return leafJson(node.element, value)
  const { converted_type: converted, logical_type: logical } = node.element
  const inner = child.children
  if ((converted === 'LIST' || logical?.type === 'LIST') && Array.isArray(value)) {
    const element = inner.length === 1 ? (inner[0] as SchemaTree) : child
    return value.map((one) => toJson(element, one))
  }
  if (converted?.startsWith('MAP') || logical?.type === 'MAP') {
    const values = inner.find(({ element }) => element.name === 'value')
    return mapEntries(value, (one) => (values ? toJson(values, one) : null))
  }
  const children = new Map(node.children.map((one) => [one.element.name, one]))
  return mapEntries(value, (one, key) => {
    const field = children.get(key)
    return field ? toJson(field, one, field.element.repetition_type === 'REPEATED') : String(one)
  })
}

function mapEntries(value: Value, convert: (one: Value, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, convert(one, key)]))
}

/** Numbers as they are, whatever their length; everything else that JSON has no type for is text. */
function leafJson(element: SchemaElement, value: Value): unknown {
  if (typeof value === 'boolean') return value
  const text = leafText(element)(value)
  const isNumber =
    ['decimal', 'plain'].includes(kindOf(element)) && /^-?\d/.test(text ?? '') && typeof value !== 'string'
  return isNumber ? JSON.rawJSON(text as string) : text
}
