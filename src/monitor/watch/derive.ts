import { causeOf, causeOfStall, silentAfter } from './causes.ts'
import type {
  BackfillState,
  Cause,
  ChunkCounts,
  WatchDocument,
  WatchedBackfill,
  WatchedWorker,
} from './document.ts'
import { type BackfillRow, type Facts, grainOf, type SumRow, type WorkerRow } from './facts.ts'
import {
  countChunks,
  etaOf,
  isSlow,
  paceOf,
  type Running,
  rateOf,
  recordsOf,
  successOf,
  usualSeconds,
  watchedDatasets,
} from './periods.ts'
import { isStalled, runningChunk, troubledChunk } from './running.ts'
import type { Track } from './track.ts'

/**
 * What a look means: states, rates, what is left, and why something stands still.
 *
 * @param track is told what was seen, and tells what changed since
 * @param years of which periods are wanted; all where there are none
 */
export function derive(facts: Facts, track: Track, years: number[] = []): WatchDocument {
  return {
    at: facts.at,
    database: facts.database,
    backfills: facts.backfills.map((row) => watchedBackfill(facts, row, track, years)),
    // One that died without a chunk is history, though its run will never end.
    workers: facts.workers
      .filter(({ state, chunks }) => state === 'running' || chunks > 0)
      .map(watchedWorker),
    hosts: facts.hosts,
    locks: facts.blocked.map(({ pid, application, seconds, by }) => {
      const { target, ...holder } = by
      return { pid, application, target: target ?? 'a lock', seconds, by: withoutMode(holder) }
    }),
    latest: facts.latest,
    others: facts.others,
    disk_left: facts.diskLeft,
  }
}

function withoutMode<T extends { mode: unknown }>({ mode: _, ...rest }: T): Omit<T, 'mode'> {
  return rest
}

function watchedBackfill(facts: Facts, row: BackfillRow, track: Track, years: number[]): WatchedBackfill {
  const { at } = facts
  const { backfill, warehouse } = row
  const sums = facts.sums.filter((one) => one.backfill === backfill)
  const noted = facts.noted.filter((one) => one.backfill === backfill)
  const running = noted
    .filter(({ state }) => state === 'running')
    .map((one): Running => {
      const { shown, movedAt } = runningChunk(one, at, track)
      return { row: one, shown, movedAt, isSlow: isSlow(one, shown, paceOf(facts.paces, warehouse, one)) }
    })
  const chunks = countChunks(sums)
  const { records, rejected } = recordsOf(sums, running)
  const since = lastMove(row, sums, running, at, track)
  const open = chunks.total > 0 && row.ended_at === null
  const left = chunks.left + chunks.waiting
  const cause = open ? causeOf(facts, row, left) : undefined
  const stalled = open && row.wanted === 'run' && (isStalled(since, at) || cause?.kind === 'no_worker')
  const slow = running.length > 0 && running.every((one) => one.isSlow)
  const state = stateOf(row, chunks, { running: running.length, stalled, slow, cause: cause?.kind })
  const grain = grainOf(row)
  const causes = facts.rejects.filter((one) => one.backfill === backfill)
  return {
    backfill,
    warehouse,
    state,
    stalled_since: state === 'stalled' ? since : null,
    cause:
      cause ??
      (state === 'stalled'
        ? causeOfStall(facts, row)
        : state === 'slow'
          ? causeOfSlowness(running, facts, warehouse)
          : null),
    created_at: row.created_at,
    ended_at: row.ended_at,
    parallel: row.parallel,
    chunks,
    records,
    rejected,
    success: successOf(records, rejected),
    rate: running.length > 0 ? rateOf(`backfill ${backfill}`, at, records, running, track) : null,
    eta:
      running.length > 0 && !stalled && cause?.kind !== 'lock' ? etaOfAll(facts, row, sums, running) : null,
    grain,
    datasets: watchedDatasets(facts, sums, running, { backfill, warehouse, grain, years }, track),
    running: running.map(({ shown }) => shown),
    troubled: noted.filter(({ state: one }) => one !== 'running' && one !== 'planned').map(troubledChunk),
    rejects: {
      rejected,
      examined: causes.reduce((sum, { count }) => sum + count, 0),
      causes: causes.map(({ kind, column, constraint, count, example }) => ({
        kind,
        column,
        constraint,
        count,
        example,
      })),
    },
  }
}

function causeOfSlowness(running: Running[], { paces }: Facts, warehouse: string): Cause | null {
  const [first] = running
  if (!first) return null
  const { row, shown } = first
  const usual = usualSeconds(row, paceOf(paces, warehouse, row)) ?? 0
  const told = (seconds: number) => `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  return {
    kind: 'slow',
    text: `${shown.name} is at it for ${told(shown.seconds)}, usually ${told(usual)}`,
    advice: null,
  }
}

interface Movement {
  running: number
  stalled: boolean
  slow: boolean
  cause: Cause['kind'] | undefined
}

function stateOf({ wanted, ended_at }: BackfillRow, chunks: ChunkCounts, now: Movement): BackfillState {
  if (chunks.total === 0) return 'done'
  if (ended_at !== null) {
    if (chunks.cancelled > 0) return 'cancelled'
    if (chunks.failed + chunks.quarantined === 0) return 'done'
    return chunks.failed === chunks.total ? 'failed' : 'partly'
  }
  if (wanted === 'cancel') return 'cancelling'
  if (wanted === 'pause') return now.running > 0 ? 'pausing' : 'paused'
  if (now.cause === 'not_begun') return 'planned'
  if (now.cause === 'hours') return 'paused'
  if (now.stalled) return 'stalled'
  return now.slow ? 'slow' : 'running'
}

/** When anything of a backfill has moved last: a running chunk, or the end of one. */
function lastMove(row: BackfillRow, sums: SumRow[], running: Running[], at: Date, track: Track): Date {
  const latest = (dates: (Date | null)[]) =>
    dates.reduce<Date>((last, date) => (date !== null && date > last ? date : last), row.created_at)
  const signature = sums.map(({ state, chunks }) => `${state} ${chunks}`).join()
  const known = latest([...sums.map(({ ended_at }) => ended_at), row.wanted_at])
  return latest([
    ...running.map(({ movedAt }) => movedAt),
    track.stillSince(`backfill ${row.backfill}`, at, signature, known),
  ])
}

/** Sources are worked on one after the other or side by side: together they need what each needs of all hands. */
function etaOfAll(facts: Facts, row: BackfillRow, sums: SumRow[], running: Running[]): number | null {
  const groups = [...Map.groupBy(sums, ({ dataset, source }) => `${dataset}/${source}`).values()]
  const etas = groups.map((group) => {
    const first = group[0] as SumRow
    const own = running.filter((one) => one.row.dataset === first.dataset && one.row.source === first.source)
    return etaOf(group, own, paceOf(facts.paces, row.warehouse, first), running.length)
  })
  return etas.some((eta) => eta === null) ? null : etas.reduce<number>((sum, eta) => sum + (eta ?? 0), 0)
}

function watchedWorker({
  run,
  backfills,
  host,
  os_pid,
  state,
  chunks,
  heartbeat,
  expired,
}: WorkerRow): WatchedWorker {
  const silent = expired || (heartbeat !== null && heartbeat >= silentAfter && chunks > 0)
  return {
    run,
    backfills,
    host,
    os_pid,
    state: state === 'died' ? 'dead' : silent ? 'silent' : 'alive',
    chunks,
    heartbeat,
  }
}

/** Whether all that is watched has ended: there is nothing more to see. */
export function hasEnded({ backfills }: WatchDocument): boolean {
  return backfills.every(({ ended_at, chunks }) => ended_at !== null || chunks.total === 0)
}
