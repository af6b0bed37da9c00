import { type BinaryColumn, setInteger, writeValue } from './binary.ts'
import type { JsonScanner } from './json-scan.ts'
import type { Found } from './json-template.ts'
import type { Scratch } from './scratch.ts'

const QUOTE = 0x22

/**
 * Writes the record that a scanner has found the values of as a row of COPY's binary format, behind its place where there is one.
 *
 * @returns false where PostgreSQL has to be asked; nothing was written then
 */
export function writeRow(
  bytes: Buffer,
  scanner: JsonScanner,
  columns: BinaryColumn[],
  place: number | undefined,
  into: Scratch,
): boolean {
  into.makeRoom(roomOf(scanner, columns))
  const { bytes: target, view } = into
  let at = beginRow(view, into.length, columns, place)
  for (const column of columns) {
    at =
      'input' in column
        ? writeInput(bytes, scanner, column, target, view, at)
        : writeConstant(column.constant, target, view, at)
    if (at < 0) return false
  }
  into.length = at
  return true
}

/** The same of a record that a template has found, of `length` bytes. */
export function writeFound(
  found: Found,
  length: number,
  columns: BinaryColumn[],
  place: number | undefined,
  into: Scratch,
): boolean {
  let room = 16
  for (const column of columns) room += 12 + ('input' in column ? length : (column.constant?.length ?? 0))
  into.makeRoom(room)
  const { bytes: target, view } = into
  let at = beginRow(view, into.length, columns, place)
  for (const column of columns) {
    at =
      'input' in column
        ? writeGroup(found, column, target, view, at)
        : writeConstant(column.constant, target, view, at)
    if (at < 0) return false
  }
  into.length = at
  return true
}

/** @returns where its first value is written */
function beginRow(view: DataView, at: number, columns: BinaryColumn[], place: number | undefined): number {
  view.setInt16(at, columns.length + (place === undefined ? 0 : 1))
  if (place === undefined) return at + 2
  view.setInt32(at + 2, 8)
  setInteger(view, at + 6, place)
  return at + 14
}

/** Values that are no texts are short. */
const value = Buffer.alloc(64)

function writeGroup(
  { values, groups }: Found,
  { input, kind }: Extract<BinaryColumn, { input: number }>,
  target: Buffer,
  view: DataView,
  at: number,
): number {
  const group = groups[input] as number
  const text = group === 0 ? 'null' : (values[group] ?? (values[group + 1] as string))
  if (group === 0 || (values[group] === undefined && text === 'null')) {
    view.setInt32(at, -1)
    return at + 4
  }
  if (kind === 'text') {
    view.setInt32(at, text.length)
    return copyBytes(text, target, at + 4)
  }
  if (text.length > value.length) return -1
  return writeValue(kind, value, 0, copyBytes(text, value, 0), view, at)
}

/**
 * Writes a text of which each character is a byte. Most are shorter than it takes to call for a copy.
 *
 * @returns the index after it
 */
export function copyBytes(text: string, target: Buffer, at: number): number {
  if (text.length > 64) return at + target.write(text, at, 'latin1')
  for (let n = 0; n < text.length; n++) target[at + n] = text.charCodeAt(n)
  return at + text.length
}

/** The most that a row may need: undoing escapes makes nothing longer. */
function roomOf({ from, to }: JsonScanner, columns: BinaryColumn[]): number {
  let room = 16
  for (const column of columns) {
    if ('input' in column) room += 12 + ((to[column.input] as number) - (from[column.input] as number))
    else room += 4 + (column.constant?.length ?? 0)
  }
  return room
}

function writeConstant(constant: Buffer | null, target: Buffer, view: DataView, at: number): number {
  view.setInt32(at, constant === null ? -1 : constant.length)
  return at + 4 + (constant?.copy(target, at + 4) ?? 0)
}

/** @returns where the next one is written, -1 where PostgreSQL has to be asked */
function writeInput(
  bytes: Buffer,
  scanner: JsonScanner,
  { input, kind }: Extract<BinaryColumn, { input: number }>,
  target: Buffer,
  view: DataView,
  at: number,
): number {
  let from = scanner.from[input] as number
  let to = scanner.to[input] as number
  if (from === to) {
    view.setInt32(at, -1)
    return at + 4
  }
  const undone = scanner.undone(input)
  if (undone !== undefined) {
    if (kind !== 'text') return -1
    const length = target.write(undone, at + 4)
    view.setInt32(at, length)
    return at + 4 + length
  }
  if (bytes[from] === QUOTE) {
    from++
    to--
  }
  if (kind !== 'text') return writeValue(kind, bytes, from, to, view, at)
  view.setInt32(at, to - from)
  let end = at + 4
  // Most are shorter than it takes to call for a copy.
  if (to - from > 64) return end + bytes.copy(target, end, from, to)
  for (let n = from; n < to; n++) target[end++] = bytes[n] as number
  return end
}
