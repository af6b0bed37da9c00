import { Temporal } from 'temporal-polyfill'
import { withoutAddress } from '../../sources/http/trouble.ts'
import { parametersText } from '../../sources/window.ts'
import type { RunningChunk, TroubledChunk } from './document.ts'
import type { NotedRow, Progress } from './facts.ts'
import type { Track } from './track.ts'

/** Seconds without progress after which something is said to be stalled. */
export const stalledAfter = 30

/** What one running chunk does, with its pace between the looks; on the first look its pace since it was claimed. */
export function runningChunk(row: NotedRow, at: Date, track: Track): { shown: RunningChunk; movedAt: Date } {
  const { progress, claimed_at: claimed } = row
  const { step, rows = 0, bytes = 0, requests = 0, rejects = 0, done, total, waiting } = progress ?? {}
  const key = `chunk ${row.chunk} attempt ${row.attempts}`
  const seconds = claimed ? Math.max(0, (Number(at) - Number(claimed)) / 1000) : 0
  const signature = [step, rows, bytes, requests, rejects, done].join()
  const movedAt = track.stillSince(key, at, signature, row.progressed_at ?? claimed ?? at)
  const average = seconds > 0 ? rows / seconds : undefined
  const shown: RunningChunk = {
    chunk: row.chunk,
    place: row.place,
    name: chunkName(row),
    worker: row.worker as number,
    attempt: row.attempts,
    seconds,
    step: step ?? null,
    rows,
    rejects,
    requests,
    bytes,
    share: done !== undefined && total ? Math.min(1, done / total) : null,
    rate: track.rate(key, at, rows) ?? average ?? null,
    waiting: waitingNow(waiting, at),
    stalled_since: isStalled(movedAt, at) ? movedAt : null,
  }
  return { shown, movedAt }
}

/** What a chunk waits for, unless that is over by now. */
function waitingNow(waiting: Progress['waiting'], at: Date): RunningChunk['waiting'] {
  if (!waiting) return null
  const until = waiting.until === undefined ? null : new Date(waiting.until)
  if (until !== null && until <= at) return null
  // When the next try for a lock ends tells nobody when the lock will be free.
  if (waiting.lock) return { host: '', until: null, reason: waiting.reason ?? 'a lock' }
  return { host: waiting.host ?? '', until, reason: withoutAddress(waiting.reason ?? '') }
}

export function isStalled(since: Date, at: Date): boolean {
  return Number(at) - Number(since) >= stalledAfter * 1000
}

export function troubledChunk(row: NotedRow): TroubledChunk {
  const gates = (row.gates ?? []).filter(({ passed }) => !passed)
  const gateTexts = gates.map(
    ({ gate, found, wanted, note }) =>
      `${gate}${found === undefined ? '' : ` ${round(found)}`}${wanted === undefined ? '' : ` of ${round(wanted)} wanted`}${note ? ` (${note})` : ''}`,
  )
  const { state } = row
  return {
    chunk: row.chunk,
    name: chunkName(row),
    state: state as TroubledChunk['state'],
    attempts: row.attempts,
    at: row.ended_at ?? row.retry_at,
    error_code: row.error_code,
    why:
      (row.error?.split('\n')[0] ?? gateTexts.join('; ')) ||
      (state === 'died' ? `worker ${row.worker} has died` : 'no reason is known'),
  }
}

const round = (value: number) => String(Math.round(value * 1000) / 1000)

/** `measure/piezo 2024-01 region=north` */
function chunkName({ dataset, source, window_from, window_to, parameters }: NotedRow): string {
  const window = window_from === null || window_to === null ? '' : ` ${windowLabel(window_from, window_to)}`
  const told = parametersText(parameters)
  return `${dataset}/${source}${window}${told && ` ${told}`}`
}

/** `2024`, `2024-03`, `2024-03-17` where the window is just that, else `2024-03-01 to 2024-03-08`. */
export function windowLabel(from: string, to: string): string {
  const start = Temporal.PlainDate.from(from)
  const is = (duration: Temporal.DurationLike) => String(start.add(duration)) === to
  if (from.endsWith('-01-01') && is({ years: 1 })) return from.slice(0, -6)
  if (from.endsWith('-01') && is({ months: 1 })) return from.slice(0, -3)
  return is({ days: 1 }) ? from : `${from} to ${to}`
}
