import { Temporal } from 'temporal-polyfill'
import type { DwhEvent, LockWait, Work } from '../events.ts'
import type { ChunkProgress, Claim } from '../ledger/chunk.ts'
import { parametersText, type Window, type Wish, windowText } from '../sources/window.ts'

/** `measure/piezo 2024-01-01 to 2024-02-01 region=north` */
export function chunkName(chunk: Pick<Claim, 'dataset' | 'source' | 'parameters' | WindowColumns>): string {
  const window = windowOf(chunk)
  const given = parametersText(chunk.parameters)
  return [
    `${chunk.dataset}/${chunk.source}`,
    ...(window ? [windowText(window)] : []),
    ...(given ? [given] : []),
  ].join(' ')
}

type WindowColumns = 'window_from' | 'window_to' | 'zone'

export function windowOf({ window_from, window_to, zone }: Pick<Claim, WindowColumns>): Window | undefined {
  if (window_from === null || window_to === null) return undefined
  return { from: Temporal.PlainDate.from(window_from), to: Temporal.PlainDate.from(window_to), zone }
}

/** @param force all rows are wanted, those that came before among them */
export function wishOf(claim: Claim, force: boolean): Wish {
  const after = force ? null : claim.watermark
  return { window: windowOf(claim), parameters: claim.parameters, ...(after === null ? {} : { after }) }
}

const stages: Record<string, ChunkProgress['step']> = { fetch: 'fetch', publish: 'publish' }

/**
 * The `Work` of one attempt: its events bear its name and are summed up in `progress`, which the worker writes into the ledger
 * every second.
 */
export class ChunkWork implements Work {
  readonly signal: AbortSignal
  readonly progress: ChunkProgress = {
    step: 'fetch',
    rows: 0,
    bytes: 0,
    requests: 0,
    rejects: 0,
    done: 0,
    total: 0,
  }
  readonly #name: string
  readonly #outer: Work

  constructor(outer: Work, signal: AbortSignal, name: string) {
    this.#outer = outer
    this.signal = signal
    this.#name = name
  }

  readonly emit = (event: DwhEvent) => {
    const { progress } = this
    switch (event.type) {
      case 'step':
        if (event.state === 'started') progress.step = stages[event.step] ?? 'load'
        if (progress.waiting?.lock) delete progress.waiting
        return this.#outer.emit({ ...event, of: event.of ?? this.#name })
      case 'progress':
        this.#count(event)
        return this.#outer.emit({ ...event, of: event.of ?? this.#name })
      case 'request':
        progress.requests += 1
        progress.bytes += event.bytes
        delete progress.waiting
        return this.#outer.emit(event)
      case 'wait':
        progress.waiting = {
          host: event.host,
          until: fromNow(event.seconds),
          reason: event.reason,
        }
        return this.#outer.emit(event)
      case 'note':
        if (event.lock) progress.waiting = waitingForLock(event.lock)
        return this.#outer.emit({ ...event, message: `${this.#name}: ${event.message}` })
      case 'warning':
        return this.#outer.emit({ ...event, message: `${this.#name}: ${event.message}` })
      default:
        return this.#outer.emit(event)
    }
  }

  #count({ done, total, rows, rejects, unit }: Extract<DwhEvent, { type: 'progress' }>): void {
    const { progress } = this
    delete progress.waiting
    progress.done = done
    progress.total = total
    if (unit === 'rows') progress.rows = done
    // The rows that are loaded are those that were fetched: they are not counted from nothing again.
    if (rows !== undefined) progress.rows = Math.max(progress.rows, rows)
    if (rejects !== undefined) progress.rejects = rejects
    if (unit === 'bytes' && progress.requests === 0) progress.bytes = Math.max(progress.bytes, done)
  }
}

function waitingForLock({ on, waited, seconds, by }: LockWait): NonNullable<ChunkProgress['waiting']> {
  const lock = { since: fromNow(-waited), by }
  return { host: '', until: fromNow(seconds), reason: `a lock on ${by?.target ?? on}`, lock }
}

const fromNow = (seconds: number) =>
  String(Temporal.Now.instant().add({ milliseconds: Math.round(seconds * 1000) }))
