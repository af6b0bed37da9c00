import { DwhError } from '../../src/errors.ts'
import type { DwhEvent, Work } from '../../src/events.ts'

/** A `Work` whose events are kept in `events`, and that `interrupt` stops as Ctrl-C would. */
export interface QuietWork extends Work {
  events: DwhEvent[]
  interrupt(): void
}

export function quietWork(): QuietWork {
  const events: DwhEvent[] = []
  const controller = new AbortController()
  return {
    events,
    emit: (event) => void events.push(event),
    signal: controller.signal,
    interrupt: () => controller.abort(new DwhError('INTERRUPTED', 'interrupted')),
  }
}
