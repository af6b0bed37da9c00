import { type BinaryColumn, setInteger, writeValue } from './binary.ts'
import type { JsonScanner } from './json-scan.ts'
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
  let at = into.length
  view.setInt16(at, columns.length + (place === undefined ? 0 : 1))
  at += 2
  if (place !== undefined) {
    view.setInt32(at, 8)
    setInteger(view, at + 4, place)
    at += 12
  }
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
