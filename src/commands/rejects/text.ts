import { isUtf8 } from 'node:buffer'
import { moment, plural, printable } from '../../cli/format.ts'
import type { KeptReject, Reason, RejectLoad } from '../../ledger/rejects.ts'

/** `load 3 of sales, from sales.csv: done 2026-11-22 06:10:29Z, 12 rejects` */
export function loadText(load: RejectLoad): string {
  const { finished_at, failed_at, started_at, error_code, kept, replayed } = load
  const code = error_code ? ` (${error_code})` : ''
  const when = moment(finished_at ?? failed_at ?? started_at)
  const again = replayed > 0 ? `, ${replayed === kept ? 'all' : plural(replayed, 'row')} replayed` : ''
  const what = `load ${load.load} of ${load.dataset}, from ${load.input}`
  return `${printable(what)}: ${load.state}${code} ${when}, ${plural(kept, 'reject')}${again}`
}

/** `type, amount: invalid input syntax for type numeric: "abc"` */
export function reasonText({ kind, column, message, constraint }: Reason): string {
  const named = constraint !== undefined && !message.includes(constraint) ? ` (${constraint})` : ''
  return `${kind}${column === undefined ? '' : `, ${column}`}: ${message}${named}`
}

/**
 * The bytes of a reject in one line for a terminal, without their line end and cut after `most`. Where they are not UTF-8,
 * which it says, all bytes beyond ASCII are spelt out.
 */
export function originalText(original: Buffer, most: number): string {
  const line = withoutLineEnd(original)
  const cut = line.subarray(0, most)
  const rest = line.length > most ? ` … ${plural(line.length - most, 'byte')} more` : ''
  // As a stream: a character that the cut goes through is no mistake.
  if (isUtf8(line)) return printable(new TextDecoder().decode(cut, { stream: true })) + rest
  return `${escaped(cut)}${rest} (not UTF-8)`
}

function escaped(bytes: Buffer): string {
  return printable(bytes.toString('latin1')).replace(
    /[\x80-\xff]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16)}`,
  )
}

function withoutLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) end--
  if (bytes[end - 1] === 0x0d) end--
  return bytes.subarray(0, end)
}

/** A reject in a document: as text, or in base64 where its bytes are not UTF-8. */
export function rejectDocument({ record, line, offset, original, reasons, replayed_by }: KeptReject) {
  const isText = isUtf8(original)
  return {
    record,
    line,
    byte_offset: offset,
    original: isText ? original.toString('utf8') : null,
    original_base64: isText ? null : original.toString('base64'),
    reasons,
    replayed_by,
  }
}
