import { channel } from 'node:diagnostics_channel'

/** What domains say while they work. The cli draws it, the ledger keeps some of it, `--json` sums it up. */
export type DwhEvent =
  | {
      type: 'step'
      step: string
      state: 'started' | 'done' | 'skipped'
      detail?: string
      seconds?: number
      /** The piece of work that it is a step of, where several go on side by side. */
      of?: string
    }
  | {
      type: 'progress'
      step: string
      done: number
      total: number
      unit: 'rows' | 'bytes' | 'leaves' | 'indexes' | 'tables' | 'segments' | 'windows' | 'files' | 'values'
      /** Of a load: rows that have arrived, and records that were refused. */
      rows?: number
      rejects?: number
      /** Of a backfill: windows that ended without their rows being there. */
      short?: number
      /** As of a step. */
      of?: string
    }
  /** `lock` says that a lock is waited for. */
  | { type: 'note'; message: string; lock?: LockWait }
  | { type: 'warning'; message: string }
  | { type: 'statement'; sql: string; milliseconds: number }
  | {
      type: 'request'
      host: string
      url: string
      status: number | undefined
      bytes: number
      milliseconds: number
      attempt: number
      /** Why it will be tried again, or has failed. */
      problem?: string
    }
  /** A worker waits for a host: its turn, Retry-After, the pause before another try. */
  | { type: 'wait'; host: string; seconds: number; reason: string }

export interface LockWait {
  /** Names of relations. */
  on: string
  /** How long it has been waited for, and when the next try is over at the latest. */
  waited: number
  seconds: number
  /** Who stands in the way, where that was seen. */
  by: { pid: number; target: string | null; who: string } | null
}

export type Emit = (event: DwhEvent) => void

/** How a piece of work talks and how it is told to stop: handed down from the command through every domain. */
export interface Work {
  emit: Emit
  signal: AbortSignal
}

const tap = channel('dwh:event')

/** Wraps `emit` so that every event can also be observed by `node:diagnostics_channel` subscribers of `dwh:event`. */
export function observed(emit: Emit): Emit {
  return (event) => {
    emit(event)
    tap.publish(event)
  }
}

/**
 * Runs one named step between its `started` and `done` events.
 *
 * @returns what `work` returns; its `detail`, if any, is taken from `describe`.
 */
export async function step<T>(
  { emit, signal }: Work,
  name: string,
  work: () => Promise<T>,
  describe?: (result: T) => string | undefined,
): Promise<T> {
  signal.throwIfAborted()
  emit({ type: 'step', step: name, state: 'started' })
  const started = performance.now()
  const result = await work()
  const detail = describe?.(result)
  const seconds = (performance.now() - started) / 1000
  emit({ type: 'step', step: name, state: 'done', seconds, ...(detail === undefined ? {} : { detail }) })
  return result
}
