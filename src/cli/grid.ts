import { textWidth } from '../text-width.ts'
import { cut, fitLine, type Span } from './fit.ts'
import { printable } from './format.ts'
import type { Stream } from './streams.ts'

/** A column of a grid. What does not fit on the screen is taken from flexible columns first, then columns go, the last first. */
export interface GridColumn<Row> {
  title: string
  value: (row: Row) => string
  align?: 'left' | 'right'
  /** It may be cut down to this width. */
  least?: number
  /** The higher goes first where there is no room; undefined: never. */
  spare?: number
  paint?: (row: Row) => ((text: string) => string) | undefined
}

const gap = 2

/** Aligned rows under a dim title, none wider than the screen. */
export function grid<Row>(
  columns: GridColumn<Row>[],
  rows: Row[],
  width: number,
  dim: (text: string) => string,
): string[] {
  const shown = columns.filter((column) => rows.some((row) => column.value(row) !== ''))
  const widths = new Map(
    shown.map((column) => [
      column,
      Math.max(textWidth(column.title), ...rows.map((row) => textWidth(printable(column.value(row))))),
    ]),
  )
  const kept = squeeze(shown, widths, width)
  const pad = (text: string, column: GridColumn<Row>) => {
    const room = widths.get(column) as number
    const shortened = cut(printable(text), room)
    const space = ' '.repeat(room - textWidth(shortened))
    if (column.align === 'right') return space + shortened
    return column === kept.at(-1) ? shortened : shortened + space
  }
  const line = (spans: Span[]) =>
    fitLine(
      spans.flatMap((span, n) => (n === 0 ? [span] : [' '.repeat(gap), span])),
      width,
    ).trimEnd()
  return [
    line(kept.map((column) => ({ text: pad(column.title, column), paint: dim }))),
    ...rows.map((row) =>
      line(
        kept.map((column) => {
          const text = pad(column.value(row), column)
          const paint = column.paint?.(row)
          return paint ? { text, paint } : text
        }),
      ),
    ),
  ]
}

/** Makes columns narrower, then leaves some out, until they fit. */
function squeeze<Row>(
  columns: GridColumn<Row>[],
  widths: Map<GridColumn<Row>, number>,
  width: number,
): GridColumn<Row>[] {
  const widthOf = (column: GridColumn<Row>) => widths.get(column) as number
  const excess = (some: GridColumn<Row>[]) =>
    some.reduce((sum, column) => sum + widthOf(column) + gap, -gap) - width
  let kept = columns
  for (;;) {
    const give = kept.reduce(
      (sum, column) => sum + Math.max(0, widthOf(column) - (column.least ?? widthOf(column))),
      0,
    )
    const spare = kept
      .filter(({ spare }) => spare !== undefined)
      .toSorted((a, b) => (b.spare ?? 0) - (a.spare ?? 0))[0]
    if (excess(kept) <= give || !spare) break
    kept = kept.filter((column) => column !== spare)
  }
  for (const column of kept.toReversed()) {
    const over = excess(kept)
    if (over <= 0 || column.least === undefined) continue
    widths.set(column, Math.max(column.least, widthOf(column) - over))
  }
  return kept
}

/** As `grid`, on a terminal as wide as that is; elsewhere, where lines have no end, nothing is cut or left out. */
export function gridText<Row>(
  { live, columns: width, paint }: Stream,
  columns: GridColumn<Row>[],
  rows: Row[],
): string {
  return `${grid(columns, rows, live ? width : Number.POSITIVE_INFINITY, paint.dim).join('\n')}\n`
}
