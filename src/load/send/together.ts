import type { Work } from '../../events.ts'

/** Two jobs at once, of which neither outlives the other: when one fails the other is stopped. */
export async function together<A, B>(
  { emit, signal }: Work,
  ...jobs: [(work: Work) => Promise<A>, (work: Work) => Promise<B>]
): Promise<[A, B]> {
  const stop = new AbortController()
  const work: Work = { emit, signal: AbortSignal.any([signal, stop.signal]) }
  const stopping = (error: unknown) => {
    stop.abort(error)
    throw error
  }
  const results = [jobs[0](work).catch(stopping), jobs[1](work).catch(stopping)] as const
  await Promise.allSettled(results)
  // The first to fail is the reason, whichever it was.
  work.signal.throwIfAborted()
  return Promise.all(results)
}
