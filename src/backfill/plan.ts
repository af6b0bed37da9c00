import { Temporal } from 'temporal-polyfill'
import type { NewChunk, PastChunk } from '../ledger/chunk.ts'
import { chunkHistory } from '../ledger/chunks.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import type { Session } from '../postgres/session.ts'
import { instantsOf, type Window } from '../sources/window.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { codeOf } from './code.ts'
import type { Pair, Request, Taking } from './request.ts'
import { type DaySpan, windowsOfAll } from './windows.ts'

/** What a window is to the ledger. */
export type Standing =
  | 'missing'
  | 'done'
  | 'stale'
  | 'failed'
  | 'quarantined'
  /** Somebody works on it, or has paused. */
  | 'at work'
  /** Planned by a run that nobody works on any more. */
  | 'left'
  /** It has not begun yet. */
  | 'to come'

/** A window with what becomes of it, and why. */
export interface PlannedChunk {
  pair: Pair
  window: Window | undefined
  chunk: NewChunk
  standing: Standing
  taken: boolean
  /** In plain words. */
  why: string
  /** The row that counts, or the last one. */
  past: PastChunk | undefined
}

export interface BackfillPlan {
  request: Request
  chunks: PlannedChunk[]
  /** All that the ledger knows about the datasets and days, for estimates. */
  history: PastChunk[]
}

/** Whether the source says that the rows of a done window would be others now. */
export type HasChanged = (chunk: PlannedChunk, fingerprint: string) => Promise<boolean>

/**
 * The windows that were asked for, without what the ledger has done. Asks the ledger once.
 *
 * @param now windows that begin later are left out
 * @param hasChanged asked of windows that are done, where stale ones are wanted
 */
export async function planBackfill(
  session: Session,
  warehouse: Warehouse,
  request: Request,
  now: Temporal.Instant,
  hasChanged?: HasChanged,
): Promise<BackfillPlan> {
  const names = [...new Set(request.pairs.map(({ dataset }) => dataset.name))]
  const { spans } = request
  const knows = (await ledgerPresence(session)).has_backfills
  const history = knows ? await chunkHistory(session, warehouse.name, names, spans && widened(spans)) : []
  const before = groupByPair(history)
  const chunks: PlannedChunk[] = []
  for (const pair of request.pairs) {
    const code = codeOf(warehouse, pair.dataset.name, pair.source)
    const past = before.get(pairKey(pair.dataset.name, pair.source, pair.parameters)) ?? []
    for (const chunk of chunksOf(pair, request, code)) chunks.push(judge(chunk, past, request.taking, now))
  }
  if (hasChanged) for (const chunk of chunks) await lookForChanges(chunk, request.taking, hasChanged)
  return { request, history, chunks: ordered(chunks, request) }
}

/** Windows of quarters reach beyond the days that were asked for. */
function widened(spans: DaySpan[]) {
  const [from, to] = [spans[0]?.from, spans.at(-1)?.to]
  return from && to && { from: String(from.subtract({ days: 92 })), to: String(to.add({ days: 92 })) }
}

const pairKey = (dataset: string, source: string, parameters: Record<string, string>) =>
  JSON.stringify([dataset, source, Object.entries(parameters).toSorted()])

function groupByPair(history: PastChunk[]): Map<string, PastChunk[]> {
  const groups = new Map<string, PastChunk[]>()
  for (const past of history) {
    const key = pairKey(past.dataset, past.source, past.parameters)
    const group = groups.get(key)
    if (group) group.push(past)
    else groups.set(key, [past])
  }
  return groups
}

type Unjudged = Pick<PlannedChunk, 'pair' | 'window' | 'chunk'>

function chunksOf(pair: Pair, { spans }: Request, code: string): Unjudged[] {
  const { dataset, source, parameters, size } = pair
  const windows = pair.hasWindows && spans ? windowsOfAll(spans, size, dataset.partition) : [undefined]
  return windows.map((window) => ({
    pair,
    window,
    chunk: {
      dataset: dataset.name,
      source,
      schema_name: dataset.target.schema,
      table_name: dataset.target.name,
      window_from: window ? String(window.from) : null,
      window_to: window ? String(window.to) : null,
      zone: dataset.partition?.zone ?? 'UTC',
      parameters,
      code,
    },
  }))
}

function judge(
  unjudged: Unjudged,
  history: PastChunk[],
  taking: Taking,
  now: Temporal.Instant,
): PlannedChunk {
  const { chunk, window, pair } = unjudged
  const touching = history.filter((past) => touches(past, chunk))
  const same = touching.filter(
    (past) => past.window_from === chunk.window_from && past.window_to === chunk.window_to,
  )
  const decide = (standing: Standing, why: string, past?: PastChunk): PlannedChunk => ({
    ...unjudged,
    standing,
    taken: isTaken(standing, taking),
    why,
    past,
  })
  const open = touching.findLast(({ ended_at, at_work }) => ended_at === null && at_work)
  if (open) return decide('at work', `run ${open.backfill} works on it`, open)
  const left = same.findLast(({ ended_at }) => ended_at === null)
  if (left?.wanted === 'pause') return decide('at work', `run ${left.backfill} is paused and has it`, left)
  if (window && Temporal.Instant.compare(instantsOf(window).from, now) > 0)
    return decide('to come', 'it has not begun yet')
  if (left) return decide('left', `run ${left.backfill} has planned it, and nobody works on it`, left)
  return judgeEnded(unjudged, touching, same, pair, decide)
}

function judgeEnded(
  { chunk, window }: Unjudged,
  touching: PastChunk[],
  same: PastChunk[],
  pair: Pair,
  decide: (standing: Standing, why: string, past?: PastChunk) => PlannedChunk,
): PlannedChunk {
  const counts = ({ outcome, undone }: PastChunk) => (outcome === 'done' || outcome === 'flagged') && !undone
  const current = same.findLast(counts)
  const isIncremental = pair.settings.kind === 'postgres' && pair.settings.watermark !== undefined && !window
  if (current) {
    const by = `by run ${current.backfill}`
    if (isIncremental && current.code === chunk.code)
      return decide('missing', `what is new since ${current.watermark ?? 'the last time'}`, current)
    if (current.code !== chunk.code)
      return decide('stale', `done ${by}, and the warehouse file says something else since`, current)
    if (current.absent)
      return decide('missing', `done ${by} without its files, which were not there`, current)
    if (window && endedEarly(current, window))
      return decide('stale', `done ${by} before its days were over`, current)
    return decide('done', `done ${by} on ${current.ended_at?.toISOString().slice(0, 10)}`, current)
  }
  const within = touching.filter((past) => counts(past) && past.code === chunk.code && !past.absent)
  if (window && covers(within, window)) {
    const runs = [...new Set(within.map(({ backfill }) => backfill))]
    return decide(
      'done',
      `its days are done by ${runs.length > 1 ? 'runs' : 'run'} ${runs.join(', ')}`,
      within.at(-1),
    )
  }
  const last = same.at(-1)
  if (!last) return decide('missing', 'never loaded')
  const by = `run ${last.backfill}`
  if (last.undone) return decide('missing', `${by} was undone`, last)
  if (last.outcome === 'quarantined') return decide('quarantined', `${by} has set its rows apart`, last)
  if (last.outcome === 'cancelled') return decide('missing', `${by} was cancelled`, last)
  if (last.error_code === 'INPUT_MISSING') return decide('missing', `${by}: ${last.error}`, last)
  return decide('failed', `${by}: ${last.error?.split('\n')[0] ?? 'failed'}`, last)
}

/** What is asked for without a word: all that is not done, but for rows that wait for somebody to look at them. */
function isTaken(standing: Standing, taking: Taking): boolean {
  if (standing === 'at work' || standing === 'to come') return false
  const takes: Record<Taking, Standing[]> = {
    usual: ['missing', 'left', 'failed', 'stale'],
    missing: ['missing', 'left'],
    failed: ['failed', 'quarantined'],
    stale: ['stale'],
    all: ['missing', 'left', 'failed', 'stale', 'quarantined', 'done'],
  }
  return takes[taking].includes(standing)
}

async function lookForChanges(chunk: PlannedChunk, taking: Taking, hasChanged: HasChanged): Promise<void> {
  const { past, standing } = chunk
  if (standing !== 'done' || !past?.fingerprint || past.window_from !== chunk.chunk.window_from) return
  if (!(await hasChanged(chunk, past.fingerprint))) return
  chunk.standing = 'stale'
  chunk.taken = isTaken('stale', taking)
  chunk.why = `done by run ${past.backfill}, and the source has changed since`
}

function touches(past: PastChunk, { window_from, window_to }: NewChunk): boolean {
  if (past.window_from === null || past.window_to === null) return window_from === null
  // ISO dates of four digits compare as texts.
  return (
    window_from !== null && window_to !== null && past.window_from < window_to && window_from < past.window_to
  )
}

function endedEarly({ ended_at }: PastChunk, window: Window): boolean {
  return ended_at !== null && ended_at.getTime() < instantsOf(window).to.epochMilliseconds
}

/** Whether windows that are done hold every day of another one; those that ended before their days were over do not count. */
function covers(done: PastChunk[], window: Window): boolean {
  let day = String(window.from)
  const spans = done.flatMap((past) => {
    const { window_from, window_to, ended_at } = past
    if (window_from === null || window_to === null || ended_at === null) return []
    const end = Temporal.PlainDate.from(window_to).toZonedDateTime(window.zone).epochMilliseconds
    return ended_at.getTime() < end ? [] : [{ from: window_from, to: window_to }]
  })
  for (const { from, to } of spans.toSorted((a, b) => (a.from < b.from ? -1 : 1)))
    if (from <= day && to > day) day = to
  return day >= String(window.to)
}

/** What has no window goes first: dimensions before the facts that refer to them. */
function ordered(chunks: PlannedChunk[], { order }: Request): PlannedChunk[] {
  const sign = order === 'newest' ? -1 : 1
  const at = ({ chunk }: PlannedChunk) => chunk.window_from
  return chunks.toSorted((a, b) => {
    const [one, other] = [at(a), at(b)]
    if (one === other) return 0
    if (one === null || other === null) return one === null ? -1 : 1
    return one < other ? -sign : sign
  })
}
