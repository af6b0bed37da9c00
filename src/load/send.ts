import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import type { Reader } from '../sources/file/reader.ts'
import type { Dispatch } from './dispatch.ts'

/**
 * Each COPY into the leaves of a table begins with an empty cache of them. Where one connection does all the work, larger
 * batches save that more often than they let it wait for the reader.
 */
const bytesForOne = 4 * 1024 * 1024

/** Sends all batches of a reader on the connections of a crew, in order as they become free. */
export async function sendAll(
  sessions: Session[],
  work: Work,
  reader: Reader,
  dispatch: Dispatch,
  progress: (bytesRead: number) => void,
): Promise<void> {
  const batches = reader
    .batches(work, sessions.length === 1 ? bytesForOne : undefined)
    [Symbol.asyncIterator]()
  let next = batches.next()
  let failed = false
  const results = await Promise.allSettled(
    sessions.map(async (session) => {
      try {
        while (!failed) {
          const mine = await takeNext()
          if (mine.done) return
          work.signal.throwIfAborted()
          using batch = mine.value
          await dispatch.send(session, batch)
          progress(batch.bytesRead)
        }
      } catch (error) {
        failed = true
        throw error
      }
    }),
  )
  await batches.return?.()
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason

  /** One batch is always read ahead. */
  async function takeNext() {
    const mine = next
    next = mine.then((result) => (result.done ? result : batches.next()))
    next.catch(() => {})
    return mine
  }
}
