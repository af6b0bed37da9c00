import type { BackfillDocument } from '../../cli/backfill.ts'
import { count } from '../../cli/format.ts'
import { withoutAddress } from '../../sources/http/trouble.ts'
import { parametersText } from '../../sources/window.ts'

export type Window = BackfillDocument['windows'][number]

/** Windows that follow one another in the same state, as one line. */
export interface Stretch {
  /** Of a single one. */
  chunk: number | null
  name: string
  from: string | null
  to: string | null
  windows: number
  state: Window['state']
  records: number | null
  rows: number | null
  rejects: number | null
  seconds: number | null
  /** Of the one that was tried most often. */
  tries: number
}

/** What somebody may want to look at one by one, to accept or to undo it. */
const alone: Window['state'][] = ['running', 'died', 'waiting', 'quarantined', 'flagged']

export function stretches(windows: Window[], each: boolean): Stretch[] {
  const all: Stretch[] = []
  const last = new Map<string, Stretch>()
  for (const window of windows) {
    const stretch = stretchOf(window)
    const before = last.get(stretch.name)
    if (!each && before && before.state === stretch.state && !alone.includes(stretch.state)) {
      add(before, stretch)
      continue
    }
    last.set(stretch.name, stretch)
    all.push(stretch)
  }
  return all
}

function stretchOf(window: Window): Stretch {
  const { figures, progress, state, attempts } = window
  return {
    chunk: window.chunk,
    name: `${window.dataset}/${window.source} ${parametersText(window.parameters)}`.trimEnd(),
    from: window.window_from,
    to: window.window_to,
    windows: 1,
    state,
    records: figures?.records ?? (state === 'running' && progress ? progress.rows : null),
    rows:
      figures && state !== 'quarantined'
        ? figures.inserted + figures.updated + figures.unchanged + figures.moved
        : null,
    rejects: figures?.rejected ?? null,
    seconds: figures?.seconds ?? null,
    tries: attempts,
  }
}

function add(to: Stretch, { from, to: end, ...other }: Stretch): void {
  const sum = (one: number | null, more: number | null) =>
    one === null && more === null ? null : (one ?? 0) + (more ?? 0)
  to.chunk = null
  to.windows += 1
  if (from !== null && to.from !== null && from < to.from) to.from = from
  if (end !== null && to.to !== null && end > to.to) to.to = end
  to.records = sum(to.records, other.records)
  to.rows = sum(to.rows, other.rows)
  to.rejects = sum(to.rejects, other.rejects)
  to.seconds = sum(to.seconds, other.seconds)
  to.tries = Math.max(to.tries, other.tries)
}

/** Windows that are in a state for the same reason. */
export interface Reason {
  state: Window['state']
  names: string[]
  text: string
  /** What to type, by the error. */
  hint: string | undefined
}

/** What failed first, then what waits for somebody. */
const order: Window['state'][] = [
  'failed',
  'quarantined',
  'flagged',
  'died',
  'waiting',
  'planned',
  'running',
  'done',
]

export function reasons(windows: Window[]): Reason[] {
  const told = windows.flatMap((window) => {
    const text = why(window)
    return text === '' ? [] : [{ window, text }]
  })
  const groups = Map.groupBy(told, ({ window, text }) => `${window.state} ${text}`)
  return [...groups.values()]
    .map((group) => {
      const first = group[0] as (typeof group)[number]
      return {
        state: first.window.state,
        text: first.text,
        hint: hintOf(first.window),
        names: group.map(({ window }) => nameOf(window)),
      }
    })
    .toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
}

function nameOf({ dataset, source, window_from: from, window_to: to, parameters }: Window): string {
  const days = from === null || to === null ? '' : ` ${from} to ${to}`
  return `${dataset}/${source}${days} ${parametersText(parameters)}`.trimEnd()
}

/** An error that has failed a window ends with it. */
function hintOf({ state, error }: Window): string | undefined {
  const last = state === 'failed' || state === 'waiting' ? error?.split('\n').at(-1) : undefined
  return last?.startsWith('hint ') ? withoutAddress(last.slice('hint '.length)) : undefined
}

function why({ state, error, gates, progress, load, figures, worker }: Window): string {
  if (state === 'running') return progress?.waiting ? `waits: ${withoutAddress(progress.waiting.reason)}` : ''
  if (state === 'died') return `worker ${worker} has died; another takes it over`
  const failed = gates?.filter(({ passed }) => !passed) ?? []
  if (failed.length > 0) return failed.map(({ gate, note }) => `${gate}: ${note}`).join('; ')
  if (figures?.unplanned)
    return `${count(figures.unplanned)} rows of it lie in no window that is planned or done: take more days`
  if (state === 'done' && figures && figures.rejected > 0)
    return `refused rows: dwh rejects list --load ${load}`
  return state === 'done' || state === 'cancelled' ? '' : withoutAddress(error?.split('\n')[0] ?? '')
}

/** What may be typed as things are, the most urgent first. */
export function nextSteps(backfill: BackfillDocument): { type: string; what: string }[] {
  const { backfill: run, failed, quarantined, cancelled, ended_at, wanted, at_work, state } = backfill
  const steps = [
    {
      is: ended_at === null && at_work,
      type: `dwh watch ${run}`,
      what: 'how far it is, how fast, and what holds it up',
    },
    { is: state === 'paused', type: `dwh backfill resume ${run}`, what: 'goes on' },
    {
      is: ended_at === null && !at_work && wanted === 'run',
      type: `dwh backfill work ${run}`,
      what: 'takes up what is left: nobody works on it',
    },
    {
      is: ended_at !== null && failed + cancelled > 0,
      type: `dwh backfill retry ${run}`,
      what: 'takes up what failed or was cancelled, once the cause is mended',
    },
    {
      is: quarantined > 0,
      type: `dwh backfill accept ${run} --dry-run`,
      what: 'what was set apart, to publish it if it is right after all',
    },
    {
      is: ended_at !== null && quarantined > 0,
      type: `dwh backfill retry ${run} --quarantined`,
      what: 'reads it from the source once more',
    },
  ]
  return steps.filter(({ is }) => is).map(({ type, what }) => ({ type, what }))
}
