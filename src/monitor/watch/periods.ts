import type {
  ChunkCounts,
  Grain,
  PeriodState,
  RunningChunk,
  WatchedDataset,
  WatchedPeriod,
} from './document.ts'
import { tableRows } from './estimates.ts'
import type { Facts, NotedRow, PaceRow, SumRow } from './facts.ts'
import type { Track } from './track.ts'

/** A chunk that runs, with where it belongs. */
export interface Running {
  row: NotedRow
  shown: RunningChunk
  /** When anything of it changed last. */
  movedAt: Date
  isSlow: boolean
}

/** Chunks of one source, with what is known of its pace. */
interface Pace {
  /** Records a second of one chunk, by the ledger. */
  usual: number | null
  secondsADay: number | null
}

const fewestForUsual = 3
/** How many times the usual time makes a chunk slow, and the seconds before anybody judges. */
const slowAbove = 2
const judgedAfter = 10

export function paceOf(
  paces: PaceRow[],
  warehouse: string,
  { dataset, source }: { dataset: string; source: string },
): Pace {
  const found = paces.find(
    (one) => one.warehouse === warehouse && one.dataset === dataset && one.source === source,
  )
  return {
    usual: found && found.chunks >= fewestForUsual ? found.rate : null,
    secondsADay: found?.seconds_a_day ?? null,
  }
}

/** Seconds that chunks of the same source usually take for as many days; undefined where there were too few of them. */
export function usualSeconds({ days }: NotedRow, { usual, secondsADay }: Pace): number | undefined {
  return usual === null || secondsADay === null ? undefined : secondsADay * days
}

/** Against the history of the same source. Time is what is compared: while rows are fetched few sources count them. */
export function isSlow(row: NotedRow, { seconds }: RunningChunk, pace: Pace): boolean {
  const usual = usualSeconds(row, pace)
  return usual !== undefined && seconds >= judgedAfter && seconds > slowAbove * usual
}

/** The datasets and sources of a backfill, each with its periods. */
export function watchedDatasets(
  facts: Facts,
  sums: SumRow[],
  running: Running[],
  {
    backfill,
    warehouse,
    grain,
    years,
  }: { backfill: number; warehouse: string; grain: Grain; years: number[] },
  track: Track,
): WatchedDataset[] {
  const groups = Map.groupBy(sums, ({ dataset, source }) => `${dataset}/${source}`)
  return [...groups].map(([name, rows]) => {
    const first = rows[0] as SumRow
    const pace = paceOf(facts.paces, warehouse, first)
    const estimate = tableRows(facts.leaves, first, grain)
    const own = running.filter(({ row }) => row.dataset === first.dataset && row.source === first.source)
    const asked = years.length === 0 ? [] : [...years].toSorted((a, b) => a - b)
    const known = [...new Set(rows.map(({ period }) => period))]
    const shownPeriods =
      asked.length === 0
        ? known
        : [
            ...known.filter((period) => period !== null && asked.includes(Number(period.slice(0, 4)))),
            ...(grain === 'year' ? asked.map(String).filter((year) => !known.includes(year)) : []),
          ].toSorted()
    const periods = shownPeriods.map((period) =>
      watchedPeriod(
        period,
        rows.filter((row) => row.period === period),
        own.filter(({ row }) => row.period === period),
        {
          key: `${backfill} ${name} ${period}`,
          pace,
          at: facts.at,
          tableRows: tableRowsOf(period, estimate.ofPeriod),
        },
        track,
      ),
    )
    return {
      dataset: first.dataset,
      source: first.source,
      table: estimate.table,
      table_rows: estimate.rows,
      usual_rate: pace.usual,
      periods,
    }
  })
}

function tableRowsOf(period: string | null, ofPeriod: Map<string, number>): number | null {
  return period === null ? null : (ofPeriod.get(period) ?? null)
}

function watchedPeriod(
  period: string | null,
  rows: SumRow[],
  running: Running[],
  { key, pace, at, tableRows }: { key: string; pace: Pace; at: Date; tableRows: number | null },
  track: Track,
): WatchedPeriod {
  const chunks = countChunks(rows)
  const { records, rejected } = recordsOf(rows, running)
  const stalls = running.map(({ shown }) => shown.stalled_since).filter((since) => since !== null)
  const stalled = running.length > 0 && stalls.length === running.length
  return {
    period,
    table_rows: tableRows,
    records,
    rejected,
    success: successOf(records, rejected),
    rate: running.length > 0 ? rateOf(key, at, records, running, track) : null,
    eta: running.length > 0 && !stalled ? etaOf(rows, running, pace, running.length) : null,
    state: stateOf(chunks, running, stalled),
    stalled_since: stalled ? new Date(Math.max(...stalls.map(Number))) : null,
    chunks,
  }
}

function stateOf(chunks: ChunkCounts, running: Running[], stalled: boolean): PeriodState {
  if (stalled) return 'stalled'
  if (running.length > 0) return running.every((one) => one.isSlow) ? 'slow' : 'running'
  if (chunks.left + chunks.waiting > 0) return 'planned'
  if (chunks.failed > 0) return 'failed'
  if (chunks.quarantined > 0) return 'quarantined'
  if (chunks.cancelled > 0) return 'cancelled'
  return chunks.total > 0 ? 'done' : 'none'
}

export function countChunks(rows: SumRow[]): ChunkCounts {
  const of = (...states: SumRow['state'][]) =>
    rows.filter(({ state }) => states.includes(state)).reduce((sum, { chunks }) => sum + chunks, 0)
  return {
    total: rows.reduce((sum, { chunks }) => sum + chunks, 0),
    done: of('done'),
    flagged: of('flagged'),
    quarantined: of('quarantined'),
    failed: of('failed'),
    cancelled: of('cancelled'),
    running: of('running'),
    waiting: of('waiting'),
    left: of('planned', 'died'),
  }
}

/** Of chunks that have ended by their figures, of running ones by what they tell. */
export function recordsOf(rows: SumRow[], running: Running[]): { records: number; rejected: number } {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  return {
    records: sum(rows.map(({ records }) => records)) + sum(running.map(({ shown }) => shown.rows)),
    rejected: sum(rows.map(({ rejected }) => rejected)) + sum(running.map(({ shown }) => shown.rejects)),
  }
}

export function successOf(records: number, rejected: number): number | null {
  return records > 0 ? Math.max(0, 1 - rejected / records) : null
}

/**
 * On the first look the sum of what the running chunks have brought in a second since they were claimed; null where nothing has
 * come though they get on: rows that are not counted while they are fetched.
 */
export function rateOf(
  key: string,
  at: Date,
  records: number,
  running: Running[],
  track: Track,
): number | null {
  const rate = track.rate(key, at, records) ?? running.reduce((sum, { shown }) => sum + (shown.rate ?? 0), 0)
  const stands = running.every(({ shown }) => shown.stalled_since !== null)
  return rate > 0 || stands ? rate : null
}

/**
 * Seconds until the chunks of one source have ended, from how long a day of a window took so far, here or earlier; null where
 * nobody knows.
 */
export function etaOf(
  rows: SumRow[],
  running: Running[],
  { secondsADay }: Pace,
  hands: number,
): number | null {
  const ended = rows.filter(({ state, seconds }) => (state === 'done' || state === 'flagged') && seconds > 0)
  const days = ended.reduce((sum, row) => sum + row.days, 0)
  const own = days > 0 ? ended.reduce((sum, { seconds }) => sum + seconds, 0) / days : null
  const pace = own ?? secondsADay
  const open = rows.filter(({ state }) => ['planned', 'waiting', 'died', 'running'].includes(state))
  const left = open.reduce((sum, row) => sum + row.days, 0)
  if (left === 0) return 0
  if (pace === null || hands === 0) return null
  // A chunk that runs has done its part by the clock, all but a tenth at the most.
  const begun = running.reduce(
    (sum, { row, shown }) => sum + Math.min(shown.seconds, 0.9 * pace * row.days),
    0,
  )
  return Math.max(0, (left * pace - begun) / hands)
}
