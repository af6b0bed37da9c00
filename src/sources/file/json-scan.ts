import { field } from './plain-csv.ts'
import type { Scratch } from './scratch.ts'

const [LF, CR, SPACE, TAB] = [0x0a, 0x0d, 0x20, 0x09]
const [QUOTE, BACKSLASH, COMMA, COLON, POINT, MINUS, PLUS] = [0x22, 0x5c, 0x2c, 0x3a, 0x2e, 0x2d, 0x2b]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

const words = ['null', 'true', 'false'].map((word) => Buffer.from(word))

/** How many keys are known by heart. */
const mostKeys = 500
/** Records that are learned from: where every one has keys of its own, learning does not help. */
const mostLessons = 200

/** A key as records have it, and which column it is. */
interface KnownKey {
  name: string
  /** In quotes. */
  bytes: Uint8Array
  /** -1 for one that is no column. */
  column: number
}

/**
 * Writes fields of JSON objects as csv without making any JavaScript value of them: between two delimiters a JSON string is a
 * quoted field of csv, a number is what it is. What it takes is certainly JSON, with nothing that PostgreSQL could not store; of all
 * else it says that it has to be parsed. It knows the keys in the order in which the records before had them.
 */
export class JsonScanner {
  readonly #columns: string[]
  /** Keys that are no columns are passed over. */
  readonly #chosen: boolean
  readonly #keys: KnownKey[] = []
  #lessons = 0
  #lacksKey = false
  /** Where in the bytes of the last record the value of each column lies, with its quotes; equal for NULL. */
  readonly from: Int32Array
  readonly to: Int32Array
  /** Values with escapes, undone, by column. */
  #undone: (string | undefined)[] = []
  #hasUndone = false

  constructor(columns: string[], chosen: boolean) {
    this.#columns = columns
    this.#chosen = chosen
    this.from = new Int32Array(columns.length)
    this.to = new Int32Array(columns.length)
  }

  /** The last record had a key that is not known yet, or not at its place. */
  get lacksKey(): boolean {
    return this.#lacksKey && this.#lessons < mostLessons
  }

  /** Keeps in mind the keys of a record that had to be parsed, each behind the one that it followed. */
  learn(text: string): void {
    this.#lessons++
    let at = 0
    for (const name of Object.keys(JSON.parse(text))) {
      const known = this.#keys.findIndex((key) => key.name === name)
      if (known >= 0) at = Math.max(at, known + 1)
      else {
        const column = this.#columns.indexOf(name)
        if ((column < 0 && !this.#chosen) || this.#keys.length >= mostKeys) continue
        this.#keys.splice(at++, 0, { name, bytes: Buffer.from(JSON.stringify(name)), column })
      }
    }
  }

  /**
   * Writes columns of the record that lies at [start, end) as a line, in this order, behind its place where there is one.
   *
   * @param bytes are UTF-8
   * @returns false where the record has to be parsed; nothing was written then
   */
  write(
    bytes: Buffer,
    start: number,
    end: number,
    inputs: number[],
    place: number | undefined,
    into: Scratch,
  ): boolean {
    if (!this.scan(bytes, start, end)) return false
    // Undoing escapes makes nothing longer than a quoted field of three bytes a character.
    into.makeRoom((end - start + 1) * 3 * inputs.length + 24)
    const target = into.bytes
    let length = into.length
    if (place !== undefined) length += target.write(`${place},`, length, 'latin1')
    for (let n = 0; n < inputs.length; n++) {
      const column = inputs[n] as number
      if (n > 0) target[length++] = COMMA
      const undone = this.undone(column)
      if (undone !== undefined) length += target.write(field(undone), length)
      else {
        const to = this.to[column] as number
        for (let at = this.from[column] as number; at < to; at++) target[length++] = bytes[at] as number
      }
    }
    target[length++] = LF
    into.length = length
    return true
  }

  /** The text of a value of the last record that has escapes; undefined for any other. */
  undone(column: number): string | undefined {
    return this.#hasUndone ? this.#undone[column] : undefined
  }

  /**
   * Finds the values of the record that lies at [start, end).
   *
   * @param bytes are UTF-8
   * @returns false where the record has to be parsed
   */
  scan(bytes: Buffer, start: number, end: number): boolean {
    this.from.fill(0)
    this.to.fill(0)
    if (this.#hasUndone) this.#undone = []
    this.#hasUndone = false
    this.#lacksKey = false
    return this.#scan(bytes, start, end)
  }

  #scan(bytes: Buffer, start: number, end: number): boolean {
    const keys = this.#keys
    if (bytes[start] !== OPEN_BRACE) return false
    let next = 0
    for (let at = start + 1; at < end; at++) {
      while (isSpace(bytes[at])) at++
      // A key that is known, further on than the last one: none comes twice.
      let key: KnownKey | undefined
      while (next < keys.length && !key) {
        const candidate = keys[next++] as KnownKey
        if (stands(candidate.bytes, bytes, at)) key = candidate
      }
      if (!key) {
        this.#lacksKey = true
        return false
      }
      at += key.bytes.length
      while (isSpace(bytes[at])) at++
      if (bytes[at++] !== COLON) return false
      while (isSpace(bytes[at])) at++
      at = this.#value(bytes, at, end, key.column)
      if (at < 0) return false
      while (isSpace(bytes[at])) at++
      if (bytes[at] === COMMA) continue
      return bytes[at] === CLOSE_BRACE && at + 1 === end
    }
    return false
  }

  /** @returns the index behind it, -1 where it has to be parsed */
  #value(bytes: Buffer, from: number, end: number, column: number): number {
    const first = bytes[from] as number
    if (first === QUOTE) return this.#string(bytes, from, end, column)
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return column < 0 ? endOfNested(bytes, from, end) : -1
    let to = endOfNumber(bytes, from)
    if (to < 0) {
      const word = words.find((one) => stands(one, bytes, from))
      if (!word) return -1
      to = from + word.length
      if (word === words[0]) return to
    }
    if (column >= 0) {
      this.from[column] = from
      this.to[column] = to
    }
    return to
  }

  #string(bytes: Buffer, from: number, end: number, column: number): number {
    let isEscaped = false
    let at = from + 1
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE) break
      if (byte < SPACE) return -1
      if (byte === BACKSLASH) {
        isEscaped = true
        at++
      }
    }
    if (at >= end) return -1
    const to = at + 1
    if (isEscaped && !this.#undo(bytes, from, to, column)) return -1
    if (column >= 0) {
      this.from[column] = from
      this.to[column] = to
    }
    return to
  }

  #undo(bytes: Buffer, from: number, to: number, column: number): boolean {
    const text = parsed(bytes.toString('utf8', from, to))
    if (typeof text !== 'string') return false
    if (column < 0) return true
    if (text.includes('\0') || !text.isWellFormed()) return false
    this.#undone[column] = text
    this.#hasUndone = true
    return true
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB
}

function stands(what: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let n = 0; n < what.length; n++) if (bytes[at + n] !== what[n]) return false
  return true
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** @returns -1 for what is no number of JSON */
function endOfNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from
  if (!isDigit(bytes[at])) return -1
  const isZero = bytes[at] === 0x30
  at++
  while (isDigit(bytes[at])) {
    if (isZero) return -1
    at++
  }
  if (bytes[at] === POINT) {
    if (!isDigit(bytes[++at])) return -1
    while (isDigit(bytes[at])) at++
  }
  // e or E
  if (((bytes[at] as number) | 0x20) === 0x65) {
    at++
    if (bytes[at] === PLUS || bytes[at] === MINUS) at++
    if (!isDigit(bytes[at])) return -1
    while (isDigit(bytes[at])) at++
  }
  return at
}

/** Of a value that nobody wants: it only has to be JSON. */
function endOfNested(bytes: Buffer, from: number, end: number): number {
  let depth = 0
  for (let at = from; at < end; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      for (at++; at < end && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0)
      return parsed(bytes.toString('utf8', from, at + 1)) === undefined ? -1 : at + 1
  }
  return -1
}

/** @returns undefined for what is no JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
