import type { ChalkInstance } from 'chalk'
import { cut } from '../../cli/fit.ts'
import { count } from '../../cli/format.ts'
import { type GridColumn, grid } from '../../cli/grid.ts'

/** A part of the screen that can do with less room. */
export interface Section {
  /** Who is on call reads the lowest first: where there is no room for all, the highest goes. */
  priority: number
  /** Lines below which it is not worth its title. */
  least: number
  /** Lines that it would fill. */
  full: number
  /** Its lines, at most `room`. */
  draw(room: number): string[]
}

export interface Look {
  paint: ChalkInstance
  columns: number
}

/** A title, then a grid of as many rows as there is room for, the most telling ones, and how many are left out. */
export function gridSection<Row>(
  { paint, columns: width }: Look,
  {
    priority,
    title,
    rows,
    columns,
    rank = () => 0,
  }: {
    priority: number
    title: string
    rows: Row[]
    columns: GridColumn<Row>[]
    /** The lowest stay. */
    rank?: (row: Row) => number
  },
): Section | undefined {
  if (rows.length === 0) return undefined
  const head = title === '' ? 0 : 1
  return {
    priority,
    least: head + 1 + Math.min(rows.length, priority <= 2 ? 4 : 2),
    full: head + 1 + rows.length,
    draw(room) {
      const place = room - head - 1
      const fits = rows.length <= place
      const kept = fits ? rows : mostTelling(rows, rank, place - 1)
      const left = rows.length - kept.length
      return [
        ...(head ? [paint.bold(cut(title, width))] : []),
        ...grid(columns, kept, width, paint.dim),
        ...(left > 0 ? [paint.dim(`… and ${count(left)} more`)] : []),
      ]
    },
  }
}

function mostTelling<Row>(rows: Row[], rank: (row: Row) => number, most: number): Row[] {
  const chosen = new Set(rows.toSorted((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, most)))
  return rows.filter((row) => chosen.has(row))
}
