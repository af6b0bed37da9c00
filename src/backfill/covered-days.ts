import { Temporal } from 'temporal-polyfill'

/** From good to bad: of several the last counts. `open` is planned or at work. */
const order = ['ok', 'flagged', 'thin', 'open', 'stale', 'quarantined', 'failed', 'missing'] as const
export type CoverageState = (typeof order)[number]

/** A chunk as the ledger has it, unless it was taken back or gave way to a later one. */
export interface PastWindow {
  chunk: number
  backfill: number
  source: string
  parameters: Record<string, string>
  code: string
  attempts: number
  error_code: string | null
  error: string | null
  window_from: string | null
  window_to: string | null
  outcome: 'done' | 'flagged' | 'quarantined' | 'failed' | null
  ended_at: Date | null
  rows: number
  rejected: number
  failed_gates: string[]
}

export interface CoveredWindow {
  /** null for a dataset without windows. */
  from: string | null
  to: string | null
  parameters: Record<string, string>
  state: CoverageState
  backfill: number
  chunk: number
  /** In the table when the chunk ended. */
  rows: number
  rejected: number
}

export interface DayMap {
  parameters: Record<string, string>[]
  /** A day each, from the first of the span; one alone for a dataset without windows. */
  states: CoverageState[]
  /** For each day why it is as it is, where there is more to say than the state. */
  why: (string | undefined)[]
  windows: CoveredWindow[]
  isWindowless: boolean
  /** Backfills whose rows a gate withholds. */
  withheld: number[]
}

interface Span {
  from: Temporal.PlainDate
  to: Temporal.PlainDate
}

export function worst(states: CoverageState[]): CoverageState {
  return order[Math.max(0, ...states.map((state) => order.indexOf(state)))] as CoverageState
}

/** What one region has is no word about another one; a source that was never asked has one map too. */
export function byParameters(chunks: PastWindow[]): PastWindow[][] {
  if (chunks.length === 0) return [[]]
  const sets = Map.groupBy(chunks, ({ parameters }) => JSON.stringify(Object.entries(parameters).toSorted()))
  return [...sets.values()]
}

/**
 * What the days of one source and one set of parameters are, by its chunks in the order in which they were planned.
 *
 * @param code what a chunk planned now would have: others are stale; undefined where nobody knows
 */
export function daysOf(chunks: PastWindow[], span: Span, code: string | undefined): DayMap {
  const isWindowless = chunks.length > 0 && chunks.every(({ window_from }) => window_from === null)
  const length = isWindowless ? 1 : span.from.until(span.to, { largestUnit: 'days' }).days
  const days = layDown(chunks, span, length, code)
  return {
    parameters: chunks.slice(0, 1).map(({ parameters }) => parameters),
    states: Array.from(days, (day) => day?.state ?? 'missing'),
    why: Array.from(days, (day) => day?.why),
    windows: chunks
      .filter((chunk) => isWindowless || touches(chunk, span))
      .map((chunk) => ({
        from: chunk.window_from,
        to: chunk.window_to,
        parameters: chunk.parameters,
        state: stateOf(chunk, code),
        backfill: chunk.backfill,
        chunk: chunk.chunk,
        rows: chunk.rows,
        rejected: chunk.rejected,
      }))
      .toSorted((a, b) => (a.from ?? '').localeCompare(b.from ?? '') || a.chunk - b.chunk),
    isWindowless,
    withheld: [
      ...new Set(chunks.filter(({ outcome }) => outcome === 'quarantined').map(({ backfill }) => backfill)),
    ],
  }
}

interface Day {
  state: CoverageState
  why: string | undefined
}

/** A later chunk covers an earlier one; but rows that are there stay there, whatever fails after them. */
function layDown(
  chunks: PastWindow[],
  span: Span,
  length: number,
  code: string | undefined,
): (Day | undefined)[] {
  const days: (Day | undefined)[] = Array.from({ length })
  for (const chunk of chunks) {
    const state = stateOf(chunk, code)
    const why =
      chunk.error?.split('\n')[0] ??
      (chunk.failed_gates.length > 0 ? `falls short of ${chunk.failed_gates.join(', ')}` : undefined)
    const [first, end] = chunk.window_from === null ? [0, length] : daysWithin(chunk, span, length)
    for (let day = first; day < end; day++) {
      const before = days[day]?.state
      if (isThere(state) || before === undefined || !isThere(before)) days[day] = { state, why }
    }
  }
  return days
}

/** Its rows are in the table. */
function isThere(state: CoverageState): boolean {
  return state === 'ok' || state === 'flagged' || state === 'thin' || state === 'stale'
}

function stateOf(
  { outcome, code: own, error_code, rows, failed_gates }: PastWindow,
  code: string | undefined,
): CoverageState {
  if (outcome === null) return 'open'
  if (error_code === 'INPUT_MISSING') return 'missing'
  if (outcome === 'failed' || outcome === 'quarantined') return outcome
  if (code !== undefined && own !== code) return 'stale'
  if (rows === 0 || failed_gates.includes('coverage') || failed_gates.includes('volume')) return 'thin'
  return outcome === 'flagged' ? 'flagged' : 'ok'
}

function touches({ window_from, window_to }: PastWindow, { from, to }: Span): boolean {
  return window_from !== null && window_to !== null && window_from < String(to) && window_to > String(from)
}

function daysWithin(
  { window_from, window_to }: PastWindow,
  { from }: Span,
  length: number,
): [number, number] {
  const place = (date: string | null) =>
    from.until(Temporal.PlainDate.from(date as string), { largestUnit: 'days' }).days
  return [Math.max(0, place(window_from)), Math.min(length, place(window_to))]
}
