import type { Temporal } from 'temporal-polyfill'
import { step, type Work } from '../../events.ts'
import type { Session } from '../../postgres/session.ts'
import type { Input } from '../../sources/file/find.ts'
import type { Reader } from '../../sources/file/reader.ts'
import type { LoadTarget } from '../target.ts'
import { openArrivals } from './arrivals.ts'
import { openRefusal } from './at-once.ts'
import { type DirectPlan, planDirect, sendDirect } from './direct.ts'
import type { Dispatch } from './dispatch.ts'
import { openCourt } from './judge.ts'
import { together } from './together.ts'

/**
 * Each COPY into the leaves of a table begins with an empty cache of them. Where one connection does all the work, larger
 * batches save that more often than they let it wait for the reader.
 */
const bytesForOne = 2 * 1024 * 1024

/**
 * Sends a whole input into a landing: from server to server where that is possible, else batch by batch. A file is hashed
 * meanwhile.
 *
 * @param dates for which leaves are made beforehand
 * @returns what the ledger knows the input by
 */
export async function sendInput(
  sessions: Session[],
  work: Work,
  input: Input,
  reader: Reader,
  dispatch: Dispatch,
  dates: Temporal.PlainDate[],
): Promise<{ bytes: number; sha256: string }> {
  const { target, landing, rejects } = dispatch
  const way = planDirect(reader, target, landing.kind)
  let path = way && `, ${way.path}`
  const progress = (done: number, rows: number) => {
    const total = Math.max(done, input.bytes)
    work.emit({ type: 'progress', step: 'send', done, total, unit: 'bytes', rows, rejects: rejects.count })
  }
  const send = async () => {
    const [first] = sessions as [Session]
    if (way && 'direct' in way) {
      const rows = await sendAtOnce(first, work, way, dispatch, dates, progress)
      if (rows !== undefined) {
        dispatch.landed += rows
        return await input.digest(work)
      }
      path = ', row by row'
    }
    for (const session of sessions) await openSender(session, target)
    await landing.reach(first, dates)
    const [sha256] = await together(
      work,
      (work) => input.digest(work),
      (work) => sendAll(sessions, work, reader, dispatch, (done) => progress(done, dispatch.landed)),
    )
    return sha256
  }
  const tell = () => {
    const refused = rejects.count > 0 ? `, ${rejects.count.toLocaleString('en')} rejects` : ''
    return `${dispatch.landed.toLocaleString('en')} rows${path ?? ''}${refused}`
  }
  // Of what is no file the size is known only now.
  return step(work, 'send', async () => ({ sha256: await send(), bytes: input.bytes }), tell)
}

/** What a connection needs to look at rows: where they go directly nobody does. */
async function openSender(session: Session, target: LoadTarget): Promise<void> {
  await openCourt(session, target)
  await openArrivals(session, target)
  await openRefusal(session)
}

async function sendAtOnce(
  session: Session,
  work: Work,
  way: DirectPlan,
  { target, landing }: Dispatch,
  dates: Temporal.PlainDate[],
  progress: (bytes: number, rows: number) => void,
): Promise<number | undefined> {
  const told = setInterval(() => progress(way.direct.given.bytes, way.direct.given.rows), 500)
  try {
    return await sendDirect(session, work, way, target, landing, dates)
  } finally {
    clearInterval(told)
  }
}

/** Sends all batches of a reader on the connections of a crew, in order as they become free. */
async function sendAll(
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
