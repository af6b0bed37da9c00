/** What ES2025 has and its types do not: the text that a number was written as. */
interface RawJson {
  rawJSON: string
}
declare global {
  interface JSON {
    rawJSON(text: string): RawJson
    isRawJSON(value: unknown): value is RawJson
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { source: string }) => unknown,
    ): unknown
  }
}

/**
 * May hold a number that JavaScript would write otherwise than it stands there: with an exponent, more than 15 digits, zeros at
 * the end of its fraction, less than 0.000001, minus zero. Finds too much in strings that look so, which costs only time.
 */
const unusualNumber = /[[:,]\s*(?:-0[\s,}\]]|-?(?:[\d.]{16}|0\.0{6}|\d+(?:\.\d*0[\s,}\]]|(?:\.\d+)?[eE])))/

/** Parses an object so that its numbers keep the text they are written as. @throws SyntaxError */
function parseObject(text: string): Record<string, unknown> | undefined {
  const value = unusualNumber.test(text) ? JSON.parse(text, keepSource) : JSON.parse(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

function keepSource(_key: string, value: unknown, { source }: { source: string }): unknown {
  return typeof value === 'number' ? JSON.rawJSON(source) : value
}

/** What PostgreSQL is given for a value; of an object or an array its JSON. */
function textOf(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
      return String(value)
    case 'object':
      if (value === null) return null
      return JSON.isRawJSON(value) ? value.rawJSON : JSON.stringify(value)
    default:
      return null
  }
}

/** A column and what stands before its value. */
export interface JsonColumn {
  name: string
  /** `"name"` */
  key: string
}

export function jsonColumn(name: string): JsonColumn {
  return { name, key: JSON.stringify(name) }
}

/**
 * The values of an object in the order of columns, those it lacks as NULL; of a key that comes twice the last one, as PostgreSQL
 * takes it.
 *
 * @returns how many columns it has beside the fields: fewer than its keys means that it has others
 */
export function fieldsOf(
  text: string,
  columns: JsonColumn[],
): { object: Record<string, unknown>; fields: (string | null)[]; known: number } | undefined {
  // Without an inner object, a key stands in the text only where it is the key, and numbers are copied from behind it.
  const flat = !text.includes('{', 1) && !text.includes('[')
  const object = flat ? (JSON.parse(text) as Record<string, unknown>) : parseObject(text)
  if (typeof object !== 'object' || object === null) return undefined
  const fields: (string | null)[] = []
  let known = 0
  for (const { name, key } of columns) {
    const value = object[name]
    // A column named `constructor` or `__proto__` is found in every object.
    const absent = value === undefined || typeof value === 'function' || value === Object.prototype
    if (!absent) known++
    if (flat && typeof value === 'number') fields.push(sourceOf(text, key, value) ?? exactNumber(text, name))
    else fields.push(absent ? null : textOf(value))
  }
  return { object, fields, known }
}

/** The text of a number behind the last of its keys; undefined where that is not certain. */
function sourceOf(text: string, key: string, value: number): string | undefined {
  const found = text.lastIndexOf(key)
  const colon = found + key.length
  // It may be a string, or the end of a longer key with quotes in it.
  if (found <= 0 || text[colon] !== ':' || text[found - 1] === '\\') return undefined
  const start = colon + 1
  const comma = text.indexOf(',', start)
  const source = text.slice(start, comma < 0 ? text.lastIndexOf('}') : comma)
  return Number(source) === value ? source.trim() : undefined
}

function exactNumber(text: string, name: string): string | null {
  return textOf((JSON.parse(text, keepSource) as Record<string, unknown>)[name])
}
