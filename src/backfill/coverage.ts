import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { periodsBetween, quarterOf } from '../partitions/periods.ts'
import { serverToday } from '../partitions/tree.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { codeOf } from './code.ts'
import {
  byParameters,
  type CoverageState,
  type CoveredWindow,
  type DayMap,
  daysOf,
  type PastWindow,
  worst,
} from './covered-days.ts'
import { countRows, type RowDifference } from './covered-rows.ts'

export const coverageUnits = ['day', 'month', 'quarter', 'year'] as const
export type CoverageUnit = (typeof coverageUnits)[number]

export interface CoverageWish {
  /** Undefined: days for two years at the most, else months. */
  by: CoverageUnit | undefined
  /** Undefined: where the policy begins, or the first window. */
  from: Temporal.PlainDate | undefined
  /** Excluded. Undefined: where the policy ends, else today, or where the last window ends. */
  to: Temporal.PlainDate | undefined
  source: string | undefined
  /** Count the rows of the table, in one pass. */
  rows: boolean
}

/** What the ledger says of the days of a dataset, one map for each source and set of parameters. */
export interface Coverage {
  dataset: string
  by: CoverageUnit
  from: string
  /** Excluded. */
  to: string
  sources: SourceCoverage[]
}

export interface SourceCoverage {
  source: string
  /** With which it was asked; empty where it was not asked yet. */
  parameters: Record<string, string>[]
  /** Days by state; a dataset without windows has one. */
  totals: Record<CoverageState, number>
  periods: CoveredPeriod[]
  /** The chunks that count, in the order of their windows. */
  windows: CoveredWindow[]
  /** Runs of days that want something, in order. */
  gaps: Gap[]
  /** What to type for them, the most first. */
  commands: string[]
  /** Only where rows were counted: windows that hold other rows than when their chunk ended. */
  differences: RowDifference[] | null
}

export interface CoveredPeriod {
  /** `2024`, `2024-Q1`, `2024-03` or `2024-03-17`; `all` for a dataset without windows. */
  period: string
  /** The worst of its days. */
  state: CoverageState
  /** How many of its days are in which state. */
  days: Partial<Record<CoverageState, number>>
  /** Rows in the table, where they were counted. */
  rows_there: number | null
}

export interface Gap {
  state: CoverageState
  from: string
  to: string
  days: number
  /** The error of the last attempt, or the gates it fell short of. */
  why: string | null
}

/** Days beyond which a map by day is more than can be looked at. */
const mostDaysByDay = 2 * 366

/**
 * Reads the ledger, and the table only where rows are to be counted.
 *
 * @throws DwhError USAGE for a source that the dataset does not have, or an empty span
 */
export async function coverage(
  session: Session,
  warehouse: Warehouse,
  dataset: Dataset,
  wish: CoverageWish,
): Promise<Coverage> {
  const chunks = await pastWindows(session, warehouse, dataset, wish.source)
  const span = await spanOf(session, dataset, chunks, wish)
  const days = span.from.until(span.to, { largestUnit: 'days' }).days
  const by = wish.by ?? (days <= mostDaysByDay ? 'day' : 'month')
  const names = wish.source
    ? [wish.source]
    : [...new Set([...Object.keys(dataset.sources), ...chunks.map(({ source }) => source)])]
  const maps = names.flatMap((source) => {
    const own = chunks.filter((chunk) => chunk.source === source)
    const code = currentCode(warehouse, dataset, source)
    return byParameters(own).map((set) => ({ source, ...daysOf(set, span, code) }))
  })
  const counted = wish.rows ? await countRows(session, dataset, span, maps) : undefined
  return {
    dataset: dataset.name,
    by,
    from: String(span.from),
    to: String(span.to),
    sources: maps.map((map, n): SourceCoverage => {
      const gaps = gapsOf(map, span)
      return {
        source: map.source,
        parameters: map.parameters,
        totals: totalsOf(map.states),
        periods: periodsOf(map, span, by, counted?.days[n]),
        windows: map.windows,
        gaps,
        commands: commandsFor(dataset, map, gaps),
        differences: counted?.differences[n] ?? null,
      }
    }),
  }
}

/** States that somebody has to do something about. */
export const wanting: CoverageState[] = ['missing', 'failed', 'quarantined', 'stale', 'thin']

/** Days that want something, and windows whose rows are others by now. */
export function shortcomings({ sources }: Coverage): { days: number; differences: number } {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  return {
    days: sum(sources.flatMap(({ totals }) => wanting.map((state) => totals[state]))),
    differences: sum(sources.map(({ differences }) => differences?.length ?? 0)),
  }
}

async function pastWindows(
  session: Session,
  warehouse: Warehouse,
  dataset: Dataset,
  source: string | undefined,
): Promise<PastWindow[]> {
  if (source !== undefined && !Object.hasOwn(dataset.sources, source)) {
    throw new DwhError('USAGE', `dataset ${dataset.name} has no source ${JSON.stringify(source)}`, {
      hint: `it has ${Object.keys(dataset.sources).join(', ') || 'none'}`,
    })
  }
  if (!(await ledgerPresence(session)).has_backfills) return []
  return session.rows<PastWindow>(sql('backfill/coverage'), [warehouse.name, dataset.name, source ?? null])
}

interface Span {
  from: Temporal.PlainDate
  to: Temporal.PlainDate
}

async function spanOf(
  session: Session,
  dataset: Dataset,
  chunks: PastWindow[],
  { from, to }: CoverageWish,
): Promise<Span> {
  const { partition: policy } = dataset
  const today = await serverToday(session, policy?.zone ?? 'UTC')
  const dates = (texts: (string | null)[]) => texts.filter((text) => text !== null).toSorted()
  const first = dates(chunks.map(({ window_from }) => window_from))[0]
  const last = dates(chunks.map(({ window_to }) => window_to)).at(-1)
  const begin =
    from ??
    policy?.from ??
    (first === undefined ? today.with({ month: 1, day: 1 }) : Temporal.PlainDate.from(first))
  const latest = last === undefined || last < String(today) ? today : Temporal.PlainDate.from(last)
  const end = to ?? policy?.until ?? latest
  if (Temporal.PlainDate.compare(begin, end) < 0) return { from: begin, to: end }
  throw new DwhError('USAGE', `there is no day between ${begin} and ${end}`, {
    hint: 'give --from and --to; --to is excluded',
  })
}

/** undefined where the warehouse file does not know the source any more: then nothing of it is called stale. */
function currentCode(warehouse: Warehouse, dataset: Dataset, source: string): string | undefined {
  return Object.hasOwn(dataset.sources, source) ? codeOf(warehouse, dataset.name, source) : undefined
}

function totalsOf(states: CoverageState[]): Record<CoverageState, number> {
  const totals = { ok: 0, flagged: 0, thin: 0, open: 0, stale: 0, quarantined: 0, failed: 0, missing: 0 }
  for (const state of states) totals[state]++
  return totals
}

function periodsOf(
  { states, isWindowless }: DayMap,
  { from, to }: Span,
  by: CoverageUnit,
  counted: Map<string, number> | undefined,
): CoveredPeriod[] {
  if (isWindowless) {
    const [state = 'missing'] = states
    return [{ period: 'all', state, days: {}, rows_there: counted?.get('all') ?? null }]
  }
  return [...periodsBetween(from, to, by)].map(({ start, end }) => {
    const first = latest(start, from)
    const length = first.until(earliest(end, to), { largestUnit: 'days' }).days
    const offset = from.until(first, { largestUnit: 'days' }).days
    const own = states.slice(offset, offset + length)
    const totals = totalsOf(own)
    const days = Object.fromEntries(Object.entries(totals).filter(([, number]) => number > 0))
    return {
      period: labelOf(start, by),
      state: worst(own),
      days,
      rows_there: counted ? sumDays(counted, first, length) : null,
    }
  })
}

function sumDays(counted: Map<string, number>, first: Temporal.PlainDate, length: number): number {
  let rows = 0
  for (let n = 0; n < length; n++) rows += counted.get(String(first.add({ days: n }))) ?? 0
  return rows
}

/** `2024`, `2024-Q1`, `2024-03`, `2024-03-17` */
function labelOf(start: Temporal.PlainDate, by: CoverageUnit): string {
  if (by === 'day') return String(start)
  if (by === 'month') return String(start).slice(0, -3)
  return by === 'quarter' ? `${start.year}-Q${quarterOf(start)}` : String(start.year)
}

function gapsOf({ states, why, isWindowless }: DayMap, { from }: Span): Gap[] {
  if (isWindowless) return []
  const gaps: Gap[] = []
  for (const [n, state] of states.entries()) {
    if (!wanting.includes(state)) continue
    const day = from.add({ days: n })
    const last = gaps.at(-1)
    if (last && last.state === state && last.to === String(day) && last.why === (why[n] ?? null)) {
      last.to = String(day.add({ days: 1 }))
      last.days++
    } else
      gaps.push({ state, from: String(day), to: String(day.add({ days: 1 })), days: 1, why: why[n] ?? null })
  }
  return gaps
}

/** One a state, over all its gaps: what is done in between is left out by the plan. */
function commandsFor(
  dataset: Dataset,
  { source, parameters, isWindowless, states, withheld }: DayMap & { source: string },
  gaps: Gap[],
): string[] {
  const flags: Partial<Record<CoverageState, string>> = {
    missing: '--missing',
    failed: '--failed',
    stale: '--stale',
    thin: '--force',
  }
  const [only] = parameters
  const params = parameters.length === 1 && only ? paramFlags(dataset, source, only) : ''
  const run = `dwh backfill run --dataset ${dataset.name} --source ${source}`
  if (isWindowless) return wanting.includes(states[0] ?? 'missing') ? [`${run}${params}`] : []
  const commands = wanting.flatMap((state) => {
    const own = gaps.filter((gap) => gap.state === state)
    const [first] = own
    const flag = flags[state]
    if (!first || flag === undefined) return []
    return [`${run} --from ${first.from} --to ${own.at(-1)?.to} ${flag}${params}`]
  })
  return [...commands, ...withheld.map((backfill) => `dwh backfill accept ${backfill}`)]
}

/** ` --param region=north`: what the warehouse file does not say itself. */
export function paramFlags(
  dataset: Dataset | undefined,
  source: string,
  parameters: Record<string, string>,
): string {
  const own = dataset?.sources[source]?.parameters ?? {}
  return Object.entries(parameters)
    .filter(([name, value]) => String(own[name] ?? '') !== value)
    .map(([name, value]) => ` --param ${name}=${shellWord(value)}`)
    .join('')
}

function shellWord(text: string): string {
  return /^[\w.:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

const { compare } = Temporal.PlainDate
const latest = (a: Temporal.PlainDate, b: Temporal.PlainDate) => (compare(a, b) > 0 ? a : b)
const earliest = (a: Temporal.PlainDate, b: Temporal.PlainDate) => (compare(a, b) < 0 ? a : b)
