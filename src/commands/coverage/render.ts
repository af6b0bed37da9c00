import type { ChalkInstance } from 'chalk'
import {
  type Coverage,
  type CoveredPeriod,
  type Gap,
  type SourceCoverage,
  wanting,
} from '../../backfill/coverage.ts'
import type { CoverageState } from '../../backfill/covered-days.ts'
import { cut } from '../../cli/fit.ts'
import { count, plural } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { withoutAddress } from '../../sources/http/trouble.ts'
import { parametersText } from '../../sources/window.ts'
import { textWidth } from '../../text-width.ts'

/** A sign of its own for each state, so that the map can be read without colours: a hole for what is missing, a letter for what went wrong. */
const signs: Record<
  CoverageState,
  { sign: string; ink: (paint: ChalkInstance) => ChalkInstance; means: string }
> = {
  ok: { sign: '█', ink: (paint) => paint.green, means: 'ok' },
  flagged: { sign: '!', ink: (paint) => paint.yellow, means: 'ok, flagged by a gate' },
  thin: { sign: '░', ink: (paint) => paint.yellow, means: 'thin: fewer rows than expected' },
  open: { sign: '>', ink: (paint) => paint.cyan, means: 'planned or at work' },
  stale: { sign: 'S', ink: (paint) => paint.magenta, means: 'stale: the source is defined otherwise by now' },
  quarantined: { sign: 'Q', ink: (paint) => paint.red, means: 'quarantined: withheld by a gate' },
  failed: { sign: 'X', ink: (paint) => paint.red.bold, means: 'failed' },
  missing: { sign: '·', ink: (paint) => paint.red, means: 'missing' },
}

const mostGaps = 10

/** The map of each source with its legend, what is wrong in words, and what to type for it. */
export function renderCoverage(stream: Stream, coverage: Coverage): string {
  return coverage.sources.map((source) => renderSource(stream, coverage, source)).join('\n')
}

function renderSource(stream: Stream, coverage: Coverage, source: SourceCoverage): string {
  const { paint } = stream
  const { dataset, from, to, by } = coverage
  const title = `${paint.bold(`${dataset}/${source.source}`)}  ${from} to ${to}`
  const isWindowless = source.periods[0]?.period === 'all'
  const told = source.parameters.map(parametersText).filter((text) => text !== '')
  return [
    told.length === 0
      ? title
      : `${title}  ${cut([...new Set(told)].join(' '), Math.max(20, stream.columns - textWidth(title) - 2))}`,
    '',
    ...(isWindowless ? [windowless(source, paint)] : calendar(source, by, paint)),
    '',
    ...legend(source, stream),
    totals(source, isWindowless),
    ...gapLines(stream, source.gaps),
    ...differenceLines(stream, source),
    ...(source.commands.length === 0
      ? []
      : ['', 'What to type:', ...source.commands.map((line) => `  ${paint.cyan(line)}`)]),
    '',
  ].join('\n')
}

function windowless({ periods, windows }: SourceCoverage, paint: ChalkInstance): string {
  const state = periods[0]?.state ?? 'missing'
  const rows = windows.at(-1)?.rows
  return `${signOf(state, paint)} no windows: ${state}${rows === undefined ? '' : `, ${count(rows)} rows`}`
}

interface Line {
  label: string
  /** One a column, in the order of the calendar; undefined where there is none. */
  cells: (CoveredPeriod | undefined)[]
}

/** By day a line a month; by month or quarter a line a year; by year ten years a line. */
function calendar({ periods, windows }: SourceCoverage, by: Coverage['by'], paint: ChalkInstance): string[] {
  const { labelOf, placeOf, columns, wide } = layouts[by]
  const lines: Line[] = [...Map.groupBy(periods, ({ period }) => labelOf(period))].map(([label, own]) => {
    const cells: Line['cells'] = Array.from({ length: columns.length })
    for (const cell of own) cells[placeOf(cell.period)] = cell
    return { label, cells }
  })
  const width = Math.max(...lines.map(({ label }) => label.length))
  const pad = (text: string) => text.padEnd(wide)
  const hasRows = windows.length > 0
  return [
    paint.dim(`${' '.repeat(width)}  ${columns.map(pad).join('')}${hasRows ? '  rows' : ''}`),
    ...lines.map(({ label, cells }) => {
      const map = cells
        .map((cell) => (cell ? signOf(cell.state, paint) : ' ') + ' '.repeat(wide - 1))
        .join('')
      return `${label.padEnd(width)}  ${map}  ${rowsOf(cells, windows)}`.trimEnd()
    }),
  ]
}

interface Layout {
  labelOf(period: string): string
  placeOf(period: string): number
  columns: string[]
  /** Characters of a cell. */
  wide: number
}

const tens = Array.from({ length: 31 }, (_, n) => ((n + 1) % 10 === 0 || n === 0 ? String(n + 1) : ''))
const months = ['J', 'F', 'M', 'A', 'M', 'J', 'J', 'A', 'S', 'O', 'N', 'D']
const layouts: Record<Coverage['by'], Layout> = {
  day: {
    labelOf: (period) => period.slice(0, -3),
    placeOf: (period) => Number(period.slice(-2)) - 1,
    columns: rulers(tens),
    wide: 1,
  },
  month: {
    labelOf: (period) => period.slice(0, -3),
    placeOf: (period) => Number(period.slice(-2)) - 1,
    columns: months,
    wide: 2,
  },
  quarter: {
    labelOf: (period) => period.slice(0, -3),
    placeOf: (period) => Number(period.slice(-1)) - 1,
    columns: ['Q1', 'Q2', 'Q3', 'Q4'],
    wide: 4,
  },
  year: {
    labelOf: (period) => `${period.slice(0, -1)}0`,
    placeOf: (period) => Number(period.slice(-1)),
    columns: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    wide: 2,
  },
}

/** `1        10        20        30`: labels may run over the columns behind them. */
function rulers(labels: string[]): string[] {
  let line = ''
  for (const [n, label] of labels.entries())
    if (label !== '' && line.length <= n) line = line.padEnd(n) + label
  return [...line.padEnd(labels.length).slice(0, labels.length)]
}

function signOf(state: CoverageState, paint: ChalkInstance): string {
  return signs[state].ink(paint)(signs[state].sign)
}

/** Of the windows that lie in a line, and whose rows are in the table; empty where one reaches beyond it. */
function rowsOf(cells: Line['cells'], windows: SourceCoverage['windows']): string {
  const own = cells.filter((cell) => cell !== undefined)
  const counted = own.map(({ rows_there }) => rows_there).filter((rows) => rows !== null)
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  if (counted.length > 0) return `${count(sum(counted))} counted`
  const [first, last] = [own[0]?.period ?? '', own.at(-1)?.period ?? '']
  const there = windows.filter(
    ({ state }) => state !== 'failed' && state !== 'quarantined' && state !== 'open',
  )
  const touching = there.filter(({ from, to }) => (to ?? '') > startOf(first) && (from ?? '') < endOf(last))
  if (touching.length === 0) return ''
  const isWithin = touching.every(
    ({ from, to }) => (from ?? '') >= startOf(first) && (to ?? '') <= endOf(last),
  )
  return isWithin ? count(sum(touching.map(({ rows }) => rows))) : ''
}

/** The first day of a period, as text that sorts. */
function startOf(period: string): string {
  const quarter = /^(\d+)-Q(\d)$/.exec(period)
  if (quarter) return `${quarter[1]}-${String(Number(quarter[2]) * 3 - 2).padStart(2, '0')}-01`
  return period.length <= 4 ? `${period}-01-01` : period.length <= 7 ? `${period}-01` : period
}

/** A day that no later than the period begins the next: enough to compare windows with, whose ends are first days. */
function endOf(period: string): string {
  const start = startOf(period)
  const [year = 0, month = 1] = start.split('-').map(Number)
  const next = (months: number) => {
    const total = year * 12 + month - 1 + months
    return `${Math.floor(total / 12)}-${String((total % 12) + 1).padStart(2, '0')}-01`
  }
  if (/-Q\d$/.test(period)) return next(3)
  // A line of days ends with its month.
  return period.length <= 4 ? next(12) : next(1)
}

/** The signs that the map has, as many on a line as there is room for. */
function legend({ totals, periods }: SourceCoverage, { paint, columns }: Stream): string[] {
  const known = new Set(periods.map(({ state }) => state))
  const lines: string[] = []
  let left = 0
  for (const state of Object.keys(signs) as CoverageState[]) {
    if (totals[state] === 0 && !known.has(state)) continue
    const { means } = signs[state]
    const entry = `${signOf(state, paint)} ${means}`
    const wide = means.length + 5
    if (lines.length > 0 && wide <= left) lines[lines.length - 1] += `   ${entry}`
    else lines.push(entry)
    left = wide <= left ? left - wide : columns - wide + 3
  }
  return lines
}

function totals({ totals: days }: SourceCoverage, isWindowless: boolean): string {
  const all = Object.values(days).reduce((sum, value) => sum + value, 0)
  if (isWindowless) return ''
  const parts = (Object.keys(signs) as CoverageState[]).filter((state) => days[state] > 0)
  return `${plural(all, 'day')}: ${parts.map((state) => `${count(days[state])} ${state}`).join(', ')}`
}

function gapLines(stream: Stream, gaps: Gap[]): string[] {
  if (gaps.length === 0) return []
  const rank = (gap: Gap) => wanting.indexOf(gap.state)
  const shown = gaps.toSorted((a, b) => rank(a) - rank(b) || b.days - a.days).slice(0, mostGaps)
  const room = Math.max(20, stream.columns - 48)
  const lines = table<Gap>(
    stream,
    [
      { title: 'state', value: ({ state }) => state },
      { title: 'from', value: ({ from }) => from },
      { title: 'to', value: ({ to }) => to },
      { title: 'days', value: ({ days }) => count(days), align: 'right' },
      { title: 'why', value: ({ why }) => (why === null ? '' : cut(withoutAddress(why), room)) },
    ],
    shown,
  )
  const left = gaps.length - shown.length
  return ['', lines.trimEnd(), ...(left > 0 ? [stream.paint.dim(`… and ${count(left)} more`)] : [])]
}

function differenceLines(stream: Stream, { differences }: SourceCoverage): string[] {
  if (differences === null) return []
  if (differences.length === 0) return ['', 'Each window has as many rows as when it was loaded.']
  const shown = differences.slice(0, mostGaps)
  const lines = table(
    stream,
    [
      {
        title: 'other rows than were loaded',
        value: ({ from, to }) => (from === null ? 'all' : `${from} to ${to}`),
      },
      { title: 'backfill', value: ({ backfill }) => backfill, align: 'right' },
      { title: 'loaded', value: ({ rows }) => count(rows), align: 'right' },
      { title: 'there', value: ({ rows_there }) => count(rows_there), align: 'right' },
      { title: 'more', value: ({ rows, rows_there }) => count(rows_there - rows), align: 'right' },
    ],
    shown,
  )
  const left = differences.length - shown.length
  return ['', lines.trimEnd(), ...(left > 0 ? [stream.paint.dim(`… and ${count(left)} more`)] : [])]
}
