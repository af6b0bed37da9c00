import { textWidth } from '../text-width.ts'
import { printable } from './format.ts'
import type { Stream } from './streams.ts'

export interface Column<Row> {
  title: string
  value: (row: Row) => string | number | null | undefined
  align?: 'left' | 'right'
}

/** Rows under dim titles, aligned, one line each whatever a cell holds; the last column is never padded. */
export function table<Row>({ paint }: Stream, columns: Column<Row>[], rows: Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(String(column.value(row) ?? ''))))
  // Not Math.max of all: a call takes no hundred thousand arguments, and a job of every minute has half a million due times.
  const widths = columns.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, textWidth(line[index] ?? '')), textWidth(column.title)),
  )
  const pad = (text: string, index: number) => {
    const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - textWidth(text)))
    if (columns[index]?.align === 'right') return space + text
    return index === columns.length - 1 ? text : text + space
  }
  const lines = [
    columns.map((column, index) => paint.dim(pad(column.title, index))).join('  '),
    ...cells.map((line) => line.map(pad).join('  ')),
  ]
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
