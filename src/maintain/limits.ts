import { DwhError } from '../errors.ts'
import { type Span, spanSeconds, spanText } from '../warehouse/values.ts'
import type { MaintenanceWindow } from './window.ts'

/** Timers reach no further. */
const longest = 2 ** 31 - 1

/** What ends one task before its own end: its timeout, and the end of the window. */
export class TaskLimits implements Disposable {
  readonly #controller = new AbortController()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(timeout: Span | undefined, window: MaintenanceWindow | undefined) {
    if (timeout) this.#after(spanSeconds(timeout) * 1000, timedOut(timeout))
    if (window) this.#after(window.left, window.over)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  #after(milliseconds: number, reason: DwhError): void {
    const abort = () => this.#controller.abort(reason)
    this.#timers.push(setTimeout(abort, Math.min(Math.max(0, milliseconds), longest)))
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}

function timedOut(timeout: Span): DwhError {
  return new DwhError('TIMED_OUT', `${spanText(timeout)} are over; what was not finished is undone`, {
    hint: 'run the same command again, with more time for each task',
  })
}
