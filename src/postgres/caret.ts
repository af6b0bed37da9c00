import { textWidth } from '../text-width.ts'
import type { Statement } from './sql-files.ts'

/**
 * The line of a statement that PostgreSQL points at, with a caret under the spot:
 *
 *     sql/dwh/ledger/start_run.sql:4:10
 *       INSERT INTO dwh.rans
 *                   ^
 *
 * @param position 1-based, in characters of what was sent, as in the server's error message
 */
export function caret({ text, file, offset = 0 }: Statement, position: number): string {
  // PostgreSQL counts characters where JavaScript counts UTF-16 units.
  const sent = [...text.slice(offset)]
  const before = text.slice(0, offset) + sent.slice(0, position - 1).join('')
  const line = before.split('\n').length
  const start = before.lastIndexOf('\n') + 1
  const column = [...before.slice(start)].length + 1
  const [shownLine = ''] = text.slice(start).split(/\r?\n/, 1)
  // A terminal shows some characters two columns wide and others on top of the one before.
  const columns = before
    .slice(start)
    .split('\t')
    .map((part) => ' '.repeat(textWidth(part)))
  return `${file ?? 'statement'}:${line}:${column}\n  ${shownLine}\n  ${columns.join('\t')}^`
}
