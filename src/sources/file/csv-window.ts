import { isAscii, isUtf8 } from 'node:buffer'
import { type Cutter, LineCutter, QuotedCutter } from './csv-cut.ts'
import type { CsvFormat } from './dialect.ts'

/** As much text as is looked at in one go: its strings die young, and a field that is kept keeps no more than this alive. */
const usualBytes = 64 * 1024
const LF = 0x0a

/** The text of some bytes of a batch that begin with a record. */
export interface Window {
  text: string
  cutter: Cutter
  /** It holds whole records only. */
  whole: boolean
  /** Characters stand for bytes, and fields beyond ASCII are still to be decoded. */
  encoded: boolean
  /** How many bytes some of its text is. */
  bytesOf(from: number, to: number): number
}

/**
 * Opens the window at an index. ASCII and UTF-8 become text as a whole; of what is neither only fields that need it are decoded.
 *
 * @param wanted more than the usual bytes, for a record that did not fit
 * @param quoted there may be quotes or CR
 */
export function openWindow(
  bytes: Buffer,
  start: number,
  wanted: number,
  format: CsvFormat,
  quoted: boolean,
): Window {
  const piece = bytes.subarray(start, endOfWindow(bytes, start, Math.max(wanted, usualBytes)))
  const ascii = isAscii(piece)
  const decoded = ascii || (format.encoding.name === 'UTF8' && isUtf8(piece))
  const text = piece.toString(decoded && !ascii ? 'utf8' : 'latin1')
  return {
    text,
    cutter: quoted ? new QuotedCutter(text, format.dialect) : new LineCutter(text, format.dialect),
    whole: !quoted || start + piece.length === bytes.length,
    encoded: !decoded,
    bytesOf:
      text.length === piece.length
        ? (from, to) => to - from
        : (from, to) => Buffer.byteLength(text.slice(from, to)),
  }
}

/** After a line end, so that no character is cut: the last one within the window, else the first one after it. */
function endOfWindow(bytes: Buffer, start: number, wanted: number): number {
  if (start + wanted >= bytes.length) return bytes.length
  const last = bytes.lastIndexOf(LF, start + wanted - 1)
  if (last >= start) return last + 1
  const next = bytes.indexOf(LF, start + wanted)
  return next < 0 ? bytes.length : next + 1
}
