import { JsonTemplate } from '../file/json-template.ts'

const [LF, CR, SPACE, TAB] = [0x0a, 0x0d, 0x20, 0x09]
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]
const N = 0x6e

/** By byte, whether it may be passed over within a string, and outside of strings within a record. */
const isWithin = Uint8Array.from({ length: 256 }, (_, byte) => Number(byte !== QUOTE && byte !== BACKSLASH))
const isOrdinary = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(![QUOTE, OPEN_BRACE, OPEN_BRACKET, CLOSE_BRACE, CLOSE_BRACKET, LF, CR].includes(byte)),
)

/** What is around the records is small, else the path is wrong. */
const largestEnvelope = 64 * 1024 ** 2

/** As much text as is looked at in one go: it dies young. */
const windowBytes = 64 * 1024

/** An answer that is not what was expected; the message says how, without its address. */
export class BrokenPage extends Error {}

/** An object or array of the envelope that is open. */
interface Frame {
  isArray: boolean
  /** Of the member that is read. */
  key: string | undefined
}

/**
 * Takes the records out of the bytes of a JSON document as they come, each a line, without parsing them: a page of any size
 * passes through in the memory of one piece. What is left of the document, its envelope, is parsed at the end.
 */
export class RecordCutter {
  readonly #path: string[]
  readonly #frames: Frame[] = []
  #envelope = Buffer.allocUnsafe(4096)
  #length = 0
  /** How many of the open frames lie on the path. */
  #matched = 0
  /** Where in the envelope the last string begins and ends. */
  #string = { start: 0, end: 0 }
  #expectsValue = true
  #inString = false
  #escaped = false
  /** Undefined outside of the records; within them the depth of nesting. */
  #depth: number | undefined
  /** The records are one object, not an array. */
  #single = false
  /** Records that have begun. */
  records = 0
  /** What lies at the path, once it was found. */
  found: 'records' | 'null' | 'other' | undefined

  readonly #template: JsonTemplate
  /** Some of the bytes that are passed, from an index on, as text of which each character is a byte. */
  #window = { from: 0, text: '' }

  /** @param template of the records of other pages, where there were some */
  constructor(path: string[], template = new JsonTemplate([])) {
    this.#path = path
    this.#template = template
  }

  /** Whether what comes before the records is known. */
  get begun(): boolean {
    return this.found === 'records'
  }

  /**
   * @param bytes are changed
   * @returns the records in them as NDJSON, sharing their memory
   * @throws BrokenPage for records that are no objects
   */
  push(bytes: Buffer): Buffer[] {
    this.#window = { from: 0, text: '' }
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      if (this.#depth === undefined) at = this.#passEnvelope(bytes, at)
      else at = this.#passRecords(bytes, at, pieces)
    }
    return pieces
  }

  /**
   * The document without its records.
   *
   * @throws BrokenPage where it is no JSON, or was cut
   */
  end(): unknown {
    if (this.#depth !== undefined || this.#frames.length > 0 || this.#inString)
      throw new BrokenPage('it ends in the middle')
    try {
      return JSON.parse(this.#envelope.toString('utf8', 0, this.#length))
    } catch (error) {
      throw new BrokenPage(this.#length === 0 ? 'it is empty' : (error as Error).message)
    }
  }

  /** What has come of the document where the records begin, as if nothing followed. */
  soFar(): unknown {
    const closing = this.#frames.toReversed().map(({ isArray }) => (isArray ? ']' : '}'))
    const open = this.#single ? 'null' : ']'
    try {
      return JSON.parse(this.#envelope.toString('utf8', 0, this.#length) + open + closing.join(''))
    } catch {
      return undefined
    }
  }

  #passEnvelope(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (this.#inString) this.#passString(byte)
      else if (this.#expectsValue && !isSpace(byte) && this.#isTarget()) {
        if (this.#beginRecords(byte)) return byte === OPEN_BRACKET ? at + 1 : at
        this.#expectsValue = false
        this.#structure(byte)
      } else this.#structure(byte)
      this.#keep(byte)
    }
    return bytes.length
  }

  #passString(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) {
      this.#inString = false
      this.#string.end = this.#length + 1
    }
  }

  /** Is what begins here what was looked for? */
  #isTarget(): boolean {
    return this.#liesOnPath() && this.#frames.length === this.#path.length
  }

  #liesOnPath(): boolean {
    const frame = this.#frames.at(-1)
    if (!frame) return true
    const wanted = this.#path[this.#frames.length - 1]
    return this.#matched === this.#frames.length - 1 && (frame.isArray ? '[]' : frame.key) === wanted
  }

  #beginRecords(byte: number): boolean {
    if (byte !== OPEN_BRACKET && byte !== OPEN_BRACE) {
      this.found ??= byte === N ? 'null' : 'other'
      return false
    }
    this.found = 'records'
    this.#depth = 0
    this.#single = byte === OPEN_BRACE
    this.#expectsValue = false
    if (!this.#single) this.#keep(byte)
    return true
  }

  #structure(byte: number): void {
    const frame = this.#frames.at(-1)
    if (byte === QUOTE) {
      this.#inString = true
      this.#string.start = this.#length
      this.#expectsValue = false
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (this.#expectsValue && this.#liesOnPath()) this.#matched = this.#frames.length
      this.#frames.push({ isArray: byte === OPEN_BRACKET, key: undefined })
      // An array of what holds the records may be empty.
      if (this.#matched === this.#frames.length - 1 && this.#path[this.#matched] === '[]')
        this.found ??= 'records'
      this.#expectsValue = byte === OPEN_BRACKET
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#frames.pop()
      this.#matched = Math.min(this.#matched, Math.max(0, this.#frames.length - 1))
      this.#expectsValue = false
    } else if (byte === COLON && frame) {
      frame.key = this.#lastString()
      this.#expectsValue = true
    } else if (byte === COMMA) this.#expectsValue = frame?.isArray ?? false
    else if (!isSpace(byte)) this.#expectsValue = false
  }

  #lastString(): string | undefined {
    try {
      return JSON.parse(this.#envelope.toString('utf8', this.#string.start, this.#string.end))
    } catch {
      // The end of the document tells what is wrong with it.
      return undefined
    }
  }

  #keep(byte: number): void {
    if (this.#length === this.#envelope.length) {
      if (this.#length >= largestEnvelope) throw new BrokenPage('what is around its records is too large')
      this.#envelope = Buffer.concat([this.#envelope], this.#length * 2)
    }
    this.#envelope[this.#length++] = byte
  }

  /** What all bytes of all records go through: most are passed in the inner loop of strings, or as ordinary. */
  #passRecords(bytes: Buffer, from: number, pieces: Buffer[]): number {
    const { length } = bytes
    let depth = this.#depth as number
    let begun = -1
    let at = this.#inString ? this.#skipString(bytes, from) : from
    for (; at < length; at++) {
      const byte = bytes[at] as number
      if (isOrdinary[byte] && depth > 0) continue
      if (byte === QUOTE) {
        if (depth === 0) throw noObjects()
        let end = at + 1
        while (end < length && isWithin[bytes[end] as number]) end++
        // The rest of a string that is cut, or has an escape.
        at = bytes[end] === QUOTE ? end : this.#skipString(bytes, end) - 1
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === 0) {
          if (byte === OPEN_BRACKET) throw noObjects()
          this.records++
          begun = at
          const end = this.#endOfUsual(bytes, at)
          if (end >= 0) {
            at = end - 1
            continue
          }
        }
        depth++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (depth === 0) return this.#endRecords(bytes, from, at, pieces)
        depth--
        if (depth === 0 && begun >= 0 && this.#template.wantsLesson) this.#learn(bytes, begun, at + 1)
        if (depth === 0 && this.#single) return this.#endSingle(bytes, from, at, pieces)
      } else if (byte === LF || byte === CR) bytes[at] = SPACE
      else if (depth === 0 && byte === COMMA) bytes[at] = LF
      else if (depth === 0 && byte !== SPACE && byte !== TAB) throw noObjects()
    }
    this.#depth = depth
    pieces.push(bytes.subarray(from))
    return length
  }

  /** Where the record ends that begins at an index, if it looks like one before; else -1. */
  #endOfUsual(bytes: Buffer, at: number): number {
    if (this.#single || !this.#template.isLearned) return -1
    if (at >= this.#window.from + this.#window.text.length)
      this.#window = { from: at, text: bytes.toString('latin1', at, at + windowBytes) }
    const { from, text } = this.#window
    const end = this.#template.endOf(text, at - from)
    return end < 0 ? -1 : from + end
  }

  #learn(bytes: Buffer, from: number, to: number): void {
    try {
      this.#template.learn(bytes.toString('utf8', from, to))
    } catch {
      // It is no JSON, which is found out when it is loaded.
    }
  }

  /** @returns the index after the closing quote; where that has not come yet, the next bytes begin within the string */
  #skipString(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      if (this.#escaped) this.#escaped = false
      else if (bytes[at] === BACKSLASH) this.#escaped = true
      else if (bytes[at] === QUOTE) {
        this.#inString = false
        return at + 1
      }
    }
    this.#inString = true
    return bytes.length
  }

  #endRecords(bytes: Buffer, from: number, at: number, pieces: Buffer[]): number {
    this.#depth = undefined
    this.#inString = false
    this.#keep(CLOSE_BRACKET)
    // The bracket becomes the end of the last line.
    bytes[at] = LF
    if (this.records > 0) pieces.push(bytes.subarray(from, at + 1))
    return at + 1
  }

  #endSingle(bytes: Buffer, from: number, at: number, pieces: Buffer[]): number {
    this.#depth = undefined
    this.#inString = false
    for (const byte of Buffer.from('null')) this.#keep(byte)
    pieces.push(bytes.subarray(from, at + 1), Buffer.from('\n'))
    return at + 1
  }
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB
}

function noObjects(): BrokenPage {
  return new BrokenPage('its records are no objects')
}
