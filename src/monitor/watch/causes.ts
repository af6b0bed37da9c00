import { Temporal } from 'temporal-polyfill'
import { withoutAddress } from '../../sources/http/trouble.ts'
import { isOpen, nextOpening, readHours } from '../../warehouse/hours.ts'
import type { Cause } from './document.ts'
import type { BackfillRow, Facts, NotedRow, WorkerRow } from './facts.ts'

/** Seconds without a sign of life after which a worker is called silent: its lease is renewed every ten. */
export const silentAfter = 20

/** The likely cause, the surest first; undefined where everything seems to go well. */
export function causeOf(facts: Facts, backfill: BackfillRow, left: number): Cause | undefined {
  const noted = facts.noted.filter((chunk) => chunk.backfill === backfill.backfill)
  const workers = facts.workers.filter(({ backfills }) => backfills.includes(backfill.backfill))
  const running = noted.filter(({ state }) => state === 'running')
  return (
    wanted(backfill, running) ??
    silence(workers) ??
    lock(facts, workers, running) ??
    host(facts, running) ??
    nobody(backfill, workers, noted, left) ??
    hours(backfill, running, left) ??
    retry(facts, noted, running)
  )
}

/** As `causeOf`, for what stands still though nothing is known that holds it up. */
export function causeOfStall(facts: Facts, backfill: BackfillRow): Cause {
  const noted = facts.noted.filter((chunk) => chunk.backfill === backfill.backfill)
  const busy = facts.workers.flatMap((worker) => worker.busy).find(({ seconds }) => (seconds ?? 0) >= 10)
  if (busy)
    return {
      kind: 'server',
      text: `PostgreSQL works on one statement for ${seconds(busy.seconds)}${busy.wait ? ` (${busy.wait})` : ''}: ${busy.query}`,
      advice: null,
    }
  const asking = noted.find(({ state, progress }) => state === 'running' && progress?.step === 'fetch')
  if (asking)
    return {
      kind: 'source',
      text: `the source ${asking.source} does not answer`,
      advice: `see the log of its worker: dwh runs log ${asking.worker}`,
    }
  return { kind: 'unknown', text: 'nothing is known that holds it up', advice: 'see: dwh runs list' }
}

function wanted({ wanted, backfill, wanted_at }: BackfillRow, running: NotedRow[]): Cause | undefined {
  if (wanted !== 'pause') return undefined
  const text = running.length > 0 ? 'will pause when its windows at work have ended' : 'paused'
  return {
    kind: 'paused',
    text: `${text}, wanted since ${clock(wanted_at)}`,
    advice: `go on with: dwh backfill resume ${backfill}`,
  }
}

/** One whose connections are there, while nothing comes from them: it was stopped, or its machine or network hangs. */
function silence(workers: WorkerRow[]): Cause | undefined {
  const silent = workers.find(
    ({ state, chunks, heartbeat, expired }) =>
      state === 'running' && chunks > 0 && (expired || (heartbeat ?? 0) >= silentAfter),
  )
  if (!silent) return undefined
  return {
    kind: 'worker_silent',
    text: `worker ${silent.run} (process ${silent.os_pid} of ${silent.host}) has given no sign of life for ${seconds(silent.heartbeat)}`,
    advice: `its windows go to whoever works on it: dwh backfill work ${silent.backfills[0]}`,
  }
}

function lock({ blocked, at }: Facts, workers: WorkerRow[], running: NotedRow[]): Cause | undefined {
  const waits = running
    .map(({ progress }) => progress?.waiting)
    .find((waiting) => waiting?.lock && Date.parse(waiting.until ?? '') > at.getTime())
  const since = waits?.lock ? Math.max(0, (at.getTime() - Date.parse(waits.lock.since)) / 1000) : 0
  const found = blocked.find(({ worker }) => workers.some(({ run }) => run === worker))
  if (found) {
    const { pid, target } = found.by
    const who = [found.by.role, found.by.application, found.by.state].filter(Boolean).join(', ')
    return lockCause(Math.max(found.seconds, since), target, { pid, who })
  }
  // Between two tries nobody waits, and nobody can be seen in the way: the worker has told who it was.
  if (!waits?.lock) return undefined
  const { by } = waits.lock
  if (by) return lockCause(since, by.target, by)
  return { kind: 'lock', text: `waits ${seconds(since)} for ${waits.reason}`, advice: null }
}

function lockCause(since: number, target: string | null, { pid, who }: { pid: number; who: string }): Cause {
  if (pid === 0)
    return {
      kind: 'lock',
      text: `a prepared transaction holds a lock on ${target}`,
      advice: 'see pg_prepared_xacts; end it with COMMIT PREPARED or ROLLBACK PREPARED',
    }
  return {
    kind: 'lock',
    text: `waits ${seconds(since)} for a lock on ${target} that session ${pid} (${who}) holds`,
    advice: `end it with: SELECT pg_terminate_backend(${pid})`,
  }
}

/** Seconds that everybody waits for his turn before that is worth a word. */
const worthAWord = 2

function host({ hosts, at }: Facts, running: NotedRow[]): Cause | undefined {
  const soon = at.getTime() + worthAWord * 1000
  const waits = running
    .map(({ progress }) => progress?.waiting)
    .filter((waiting) => waiting?.until !== undefined && !waiting.lock && Date.parse(waiting.until) > soon)
    .filter((waiting) => waiting !== undefined)
  const held = hosts.find(({ host }) => waits.some((waiting) => waiting.host === host)) ?? hosts[0]
  if (held && held.until.getTime() > soon && (waits.length > 0 || running.length === 0))
    return {
      kind: 'host',
      text: `${held.host} may not be asked until ${clock(held.until)}: ${withoutAddress(held.reason)}`,
      advice: null,
    }
  // One that goes on is enough: the others only wait their turn.
  const [first] = waits
  if (first?.until === undefined || waits.length < running.length) return undefined
  const why = withoutAddress(first.reason ?? 'its turn')
  return {
    kind: 'host',
    text: `waits for ${first.host ?? 'its source'} until ${clock(new Date(first.until))}: ${why}`,
    advice: null,
  }
}

function nobody(
  { backfill, has_begun }: BackfillRow,
  workers: WorkerRow[],
  noted: NotedRow[],
  left: number,
): Cause | undefined {
  if (left === 0 || workers.some(({ state }) => state === 'running')) return undefined
  const advice = `take it up with: dwh backfill work ${backfill}`
  if (!has_begun) return { kind: 'not_begun', text: 'planned, nobody has begun', advice }
  const died = noted.find(({ state }) => state === 'died')
  const text = died ? `worker ${died.worker} has died and nobody else works on it` : 'nobody works on it'
  return { kind: 'no_worker', text, advice }
}

function retry({ at }: Facts, noted: NotedRow[], running: NotedRow[]): Cause | undefined {
  if (running.length > 0) return undefined
  const next = noted
    .filter(({ state, retry_at }) => state === 'waiting' && retry_at !== null && retry_at > at)
    .toSorted((a, b) => Number(a.retry_at) - Number(b.retry_at))[0]
  if (!next?.retry_at) return undefined
  return {
    kind: 'retry',
    text: `the next try is at ${clock(next.retry_at)}, after ${next.error?.split('\n')[0] ?? next.error_code ?? 'an error'}`,
    advice: null,
  }
}

function hours({ settings, at }: BackfillRow, running: NotedRow[], left: number): Cause | undefined {
  if (settings.hours === null || running.length > 0 || left === 0) return undefined
  const known = readHours(settings.hours)
  const now = Temporal.Instant.fromEpochMilliseconds(at.getTime())
  if (isOpen(known, now)) return undefined
  const next = new Date(nextOpening(known, now).epochMilliseconds)
  const day = next.toISOString().slice(0, 10)
  return { kind: 'hours', text: `pauses outside of ${known.text}, until ${day} ${clock(next)}`, advice: null }
}

/** `14:23:05Z`: UTC, as everywhere in the ledger. */
export function clock(date: Date): string {
  return `${Temporal.Instant.fromEpochMilliseconds(date.getTime()).toString().slice(11, 19)}Z`
}

function seconds(value: number | null): string {
  const whole = Math.round(value ?? 0)
  return whole < 120 ? `${whole} s` : `${Math.round(whole / 60)} min`
}
