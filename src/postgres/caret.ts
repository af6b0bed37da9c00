import type { Statement } from './sql-files.ts'

/**
 * The line of a statement that PostgreSQL points at, with a caret under the spot:
 *
 *     sql/dwh/ledger/start_run.sql:4:10
 *       INSERT INTO dwh.rans
 *                   ^
 *
 * @param position 1-based, in characters, as in the server's error message
 */
export function caret({ text, file, line: firstLine = 1 }: Statement, position: number): string {
  // PostgreSQL counts characters where JavaScript counts UTF-16 units.
  const characters = [...text]
  const before = characters.slice(0, position - 1).join('')
  const line = firstLine + before.split('\n').length - 1
  const start = before.lastIndexOf('\n') + 1
  const column = [...before.slice(start)].length + 1
  const shownLine = text.slice(start).split('\n', 1)[0] ?? ''
  const indent = before.slice(start).replace(/[^\t]/g, ' ')
  return `${file ?? 'statement'}:${line}:${column}\n  ${shownLine}\n  ${indent}^`
}
