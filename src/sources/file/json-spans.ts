/** Where a value lies in some bytes. */
export interface Span {
  start: number
  end: number
  /** Line ends before it in these bytes. */
  line: number
}

/** The whole values of some bytes. */
export interface Spans {
  values: Span[]
  /** Index after the last of them. */
  end: number
  /** Line ends up to there. */
  lines: number
}

/** Finds whole values in bytes that begin between two of them; told once of each block that it says it has consumed. */
export type FindSpans = (bytes: Buffer, last: boolean) => Spans

const LF = 0x0a
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** NDJSON: each line that is not blank. */
export function findLines(bytes: Buffer, last: boolean): Spans {
  const values: Span[] = []
  let start = 0
  let line = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, start)) {
    addLine(values, bytes, start, at, line++)
    start = at + 1
  }
  if (last && start < bytes.length) {
    addLine(values, bytes, start, bytes.length, line)
    start = bytes.length
  }
  return { values, end: start, lines: line }
}

function addLine(values: Span[], bytes: Buffer, from: number, to: number, line: number): void {
  let [start, end] = [from, to]
  while (start < end && isSpace(bytes[start])) start++
  while (end > start && isSpace(bytes[end - 1])) end--
  if (end > start) values.push({ start, end, line })
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** What is wrong with an array, and where. */
export class BrokenArray extends Error {
  /** Index in the bytes that were looked at. */
  readonly index: number

  constructor(message: string, index: number) {
    super(message)
    this.index = index
  }
}

type Expected = 'opening' | 'first' | 'value' | 'comma' | 'nothing'

/**
 * The elements of one JSON array, found by strings and nesting alone: whether an element is JSON is not looked at here.
 *
 * @throws BrokenArray where the ends of elements cannot be told any more
 */
export function arrayElements(): FindSpans {
  let expected: Expected = 'opening'
  return (bytes, last) => {
    const found: Spans = { values: [], end: 0, lines: 0 }
    let state = expected
    let line = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte === LF) line++
      if (isSpace(byte)) continue
      const next = punctuation(state, byte)
      if (next !== undefined) state = next
      else if (state === 'first' || state === 'value') {
        const { end, lines } = endOfValue(bytes, at)
        if (end === undefined) break
        found.values.push({ start: at, end, line })
        line += lines
        at = end - 1
        state = 'comma'
      } else throw new BrokenArray(explain(state), at)
      found.end = at + 1
      found.lines = line
      expected = state
    }
    if (last && expected !== 'nothing')
      throw new BrokenArray('it is cut before its closing bracket', bytes.length)
    // White space at the end belongs to nothing that could still come.
    return last ? { ...found, end: bytes.length } : found
  }
}

function punctuation(state: Expected, byte: number): Expected | undefined {
  if (state === 'opening' && byte === OPEN_BRACKET) return 'first'
  if (state === 'comma' && byte === COMMA) return 'value'
  if ((state === 'comma' || state === 'first') && byte === CLOSE_BRACKET) return 'nothing'
  return undefined
}

function explain(state: Expected): string {
  if (state === 'opening') return 'it does not begin with a bracket'
  return state === 'comma' ? 'a comma is missing' : 'it goes on after its closing bracket'
}

/** @returns no end when it lies beyond the bytes */
function endOfValue(bytes: Buffer, start: number): { end: number | undefined; lines: number } {
  let depth = 0
  let lines = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) {
      at = endOfString(bytes, at)
      if (depth === 0 && at < bytes.length) return { end: at + 1, lines }
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      // A number that is an element ends where the array does.
      if (depth === 0) return { end: at, lines }
      if (--depth === 0) return { end: at + 1, lines }
    } else if (byte === COMMA && depth === 0) return { end: at, lines }
    else if (byte === LF) lines++
  }
  return { end: undefined, lines }
}

/** Index of the closing quote. */
function endOfString(bytes: Buffer, opening: number): number {
  for (let at = opening + 1; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === BACKSLASH) at++
    else if (byte === QUOTE) return at
  }
  return bytes.length
}
