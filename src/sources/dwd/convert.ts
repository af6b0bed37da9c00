import { DwhError } from '../../errors.ts'
import { type ByteStream, fill } from '../file/byte-stream.ts'
import type { Hours } from './hours.ts'
import { type Layout, layoutOf, type Product } from './products.ts'
import type { RowBuffer } from './row-buffer.ts'

const [LF, CR, SUB, SPACE, QUOTE, COMMA, SEMICOLON] = [10, 13, 26, 32, 34, 44, 59]

/** No line of the archive has more than some hundred bytes. */
const longestLine = 64 * 1024
const bytesOfPiece = 256 * 1024

/** What of a product file is wanted, and what earlier files of its station have given already. */
export interface Wanted {
  hours: Hours
  /** By hour from the first one on: 0, or the number of the file that had it. */
  given: Uint8Array
  /** Of this file, from 1 on. */
  number: number
  rank: 1 | 2
}

/**
 * Makes csv of the lines of a product file, byte by byte: cells without their padding, -999 as no value, hours as times in UTC.
 * A line that is none becomes a field in quotes, which is no record for whoever reads it, and is refused with all it holds.
 *
 * @throws DwhError INPUT_BROKEN for what is no product file
 */
export async function* convert(
  name: string,
  text: ByteStream,
  product: Product,
  wanted: Wanted,
  rows: RowBuffer,
): AsyncGenerator<Buffer> {
  // One buffer for the whole file: what is left of a piece moves to its beginning.
  const buffer = Buffer.allocUnsafeSlow(bytesOfPiece + longestLine)
  let lines: Lines | undefined
  let kept = 0
  for (;;) {
    const filled = await fill(text, buffer, kept)
    let from = 0
    if (lines === undefined) {
      const end = buffer.subarray(0, filled).indexOf(LF)
      if (end >= 0)
        lines = new Lines(readHeader(name, buffer.toString('latin1', 0, end), product), wanted, rows)
      from = end + 1
    }
    const used = from + (lines?.convert(buffer.subarray(from, filled)) ?? 0)
    buffer.copy(buffer, 0, used, filled)
    kept = filled - used
    if (rows.isFull) yield rows.take()
    if (filled < buffer.length) break
    if (kept > longestLine) throw noProductFile(name, `has a line of more than ${longestLine} bytes`)
  }
  if (lines === undefined) throw noProductFile(name, 'has no line')
  if (kept > 0) lines.convert(Buffer.concat([buffer.subarray(0, kept), Buffer.from('\n')]))
}

function readHeader(name: string, line: string, product: Product): Layout {
  const layout = layoutOf(product, line)
  if ('cells' in layout) return layout
  throw noProductFile(
    name,
    `has no ${layout.missing.join(', ')}: its columns are ${layout.found.slice(0, 20).join(', ')}`,
  )
}

function noProductFile(name: string, what: string): DwhError {
  return new DwhError('INPUT_BROKEN', `${name} ${what.slice(0, 500)}; nothing of the window was loaded`, {
    hint: 'look into the zip: the archive may have changed the columns of this product',
  })
}

class Lines {
  readonly #layout: Layout
  readonly #wanted: Wanted
  readonly #rows: RowBuffer
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  #day = -1
  /** Hours before it. */
  #dayBegins = -1
  /** A cell holds what csv would have to quote. */
  #special = false

  constructor(layout: Layout, wanted: Wanted, rows: RowBuffer) {
    this.#layout = layout
    this.#wanted = wanted
    this.#rows = rows
    this.#starts = new Int32Array(layout.cells)
    this.#ends = new Int32Array(layout.cells)
  }

  /** @returns how many bytes were whole lines */
  convert(block: Buffer): number {
    const { hours } = this.#wanted
    let start = 0
    for (let next = block.indexOf(LF); next >= 0; next = block.indexOf(LF, start)) {
      const end = block[next - 1] === CR && next > start ? next - 1 : next
      if (end > start && block[start] !== SUB) {
        const hour = this.#hourOf(block, start, end)
        if (hour === undefined) this.#refuse(block, start, end)
        else if (hour >= hours.from && hour < hours.to) this.#keep(block, start, end, hour)
      }
      start = next + 1
    }
    return start
  }

  #keep(block: Buffer, start: number, end: number, hour: number): void {
    const { hours, given, number, rank } = this.#wanted
    const giver = given[hour - hours.from] as number
    if (giver !== 0 && giver !== number) return
    if (this.#cut(block, start, end) !== this.#layout.cells || this.#special) {
      this.#refuse(block, start, end)
      return
    }
    given[hour - hours.from] = number
    const rows = this.#rows
    rows.reserve(end - start + 64)
    this.#putStation(block)
    this.#putTime(block)
    for (const source of this.#layout.sources) {
      rows.put(COMMA)
      if (source < 0) continue
      const [from, to] = [this.#starts[source] as number, this.#ends[source] as number]
      if (!isMissing(block, from, to)) rows.copy(block, from, to)
    }
    rows.put(COMMA)
    rows.put(48 + rank)
    rows.put(LF)
  }

  /** Finds the cells of a line and drops their padding. */
  #cut(block: Buffer, start: number, end: number): number {
    const [starts, ends] = [this.#starts, this.#ends]
    const { cells } = this.#layout
    let count = 0
    let from = start
    this.#special = false
    for (let at = start; at <= end; at++) {
      const byte = at === end ? SEMICOLON : block[at]
      if (byte === QUOTE || byte === COMMA) this.#special = true
      if (byte !== SEMICOLON) continue
      let to = at
      while (from < to && block[from] === SPACE) from++
      while (to > from && block[to - 1] === SPACE) to--
      if (count < cells) {
        starts[count] = from
        ends[count] = to
      }
      count++
      from = at + 1
    }
    return count
  }

  #putStation(block: Buffer): void {
    let from = this.#starts[this.#layout.station] as number
    const to = this.#ends[this.#layout.station] as number
    while (from < to - 1 && block[from] === 48) from++
    this.#rows.copy(block, from, to)
  }

  /** 2018020913 → 2018-02-09 13:00:00+00 */
  #putTime(block: Buffer): void {
    const from = this.#starts[this.#layout.time] as number
    const rows = this.#rows
    rows.put(COMMA)
    rows.copy(block, from, from + 4)
    rows.put(45)
    rows.copy(block, from + 4, from + 6)
    rows.put(45)
    rows.copy(block, from + 6, from + 8)
    rows.put(SPACE)
    rows.copy(block, from + 8, from + 10)
    rows.copy(endOfTime, 0, endOfTime.length)
  }

  /** Most lines of a long file are of other windows, so this one cell is looked for before all others. */
  #hourOf(block: Buffer, start: number, end: number): number | undefined {
    let from = start
    for (let cell = 0; cell < this.#layout.time; cell++) {
      while (from < end && block[from] !== SEMICOLON) from++
      from++
    }
    while (from < end && block[from] === SPACE) from++
    if (from + 10 > end) return undefined
    const day = digits(block, from, 8)
    const hour = digits(block, from + 8, 2)
    const after = from + 10 === end ? SEMICOLON : block[from + 10]
    if (day < 0 || hour < 0 || hour > 23 || (after !== SEMICOLON && after !== SPACE)) return undefined
    if (day !== this.#day) {
      const month = Math.floor(day / 100) % 100
      if (month < 1 || month > 12 || day % 100 < 1 || day % 100 > 31) return undefined
      this.#day = day
      this.#dayBegins = Date.UTC(Math.floor(day / 10_000), month - 1, day % 100) / 3600_000
    }
    return this.#dayBegins + hour
  }

  #refuse(block: Buffer, start: number, end: number): void {
    const rows = this.#rows
    rows.reserve(2 * (end - start) + 3)
    rows.put(QUOTE)
    for (let at = start; at < end; at++) {
      const byte = block[at] as number
      if (byte === QUOTE) rows.put(QUOTE)
      rows.put(byte)
    }
    rows.put(QUOTE)
    rows.put(LF)
  }
}

const endOfTime = Buffer.from(':00:00+00')

/** -1 for what is no number. */
function digits(block: Buffer, from: number, count: number): number {
  let number = 0
  for (let at = from; at < from + count; at++) {
    const digit = (block[at] as number) - 48
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}

/** -999, -999.0 … */
function isMissing(block: Buffer, from: number, to: number): boolean {
  if (to - from < 4 || block[from] !== 45) return false
  if (block[from + 1] !== 57 || block[from + 2] !== 57 || block[from + 3] !== 57) return false
  if (to - from === 4) return true
  if (block[from + 4] !== 46) return false
  for (let at = from + 5; at < to; at++) if (block[at] !== 48) return false
  return true
}
