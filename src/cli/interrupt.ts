import { DwhError } from '../errors.ts'
import { type Span, spanSeconds, spanText } from '../warehouse/values.ts'
import { slotOfEnvironment } from './slot.ts'

/**
 * The first Ctrl-C (or SIGTERM) aborts the signal: the running step is finished or rolled back and recorded. The second
 * calls `leave` at once; the server rolls back what was open.
 */
export function interruption(say: (message: string) => void, leave: () => void): AbortSignal {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) return leave()
    say('stopping: the current step is finished or rolled back; press Ctrl-C again to leave at once')
    controller.abort(
      new DwhError('INTERRUPTED', 'interrupted; what was not finished is rolled back', {
        hint: 'run the same command again: it resumes',
      }),
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // Of a job: its daemon has gone, and another will take the slot up.
  if (slotOfEnvironment()) {
    process.on('disconnect', stop)
    // Whoever listens is kept from ending.
    process.channel?.unref()
  }
  return controller.signal
}

/** Aborts its signal when a span is over, unless the block that holds it is left before. */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(span: Span) {
    // Timers reach no further than 2^31 ms, 24 days.
    const milliseconds = Math.min(spanSeconds(span) * 1000, 2 ** 31 - 1)
    this.#timer = setTimeout(() => this.#controller.abort(timedOut(span)), milliseconds)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}

function timedOut(span: Span): DwhError {
  return new DwhError('TIMED_OUT', `${spanText(span)} are over; what was not finished is rolled back`, {
    hint: 'run the same command again, with more time: it resumes',
  })
}
