import { DwhError } from '../errors.ts'

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
  return controller.signal
}
