import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DwhError, toDwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { openWork } from '../ledger/backfills.ts'
import { underLease } from '../ledger/lease.ts'
import { renewRun } from '../ledger/runs.ts'
import { releaseOwn, workerLease } from '../ledger/workers.ts'
import { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import type { OpenSources } from './open-source.ts'
import { Shift } from './shift.ts'

export interface WorkerOptions {
  warehouse: Warehouse
  sources: OpenSources
  /** The number of this run. */
  run: number
  backfill: number
  /** Chunks at the same time in this process; as many as the backfill may unless given. */
  hands: number | undefined
}

/** Seconds that a server which has gone is waited for. */
const patience = 600

/**
 * Works on the chunks of a backfill, beside all others who do, until none is open: the ledger knows how each has ended. Where the
 * server goes away it is waited for, and the work goes on.
 *
 * @throws DwhError INTERRUPTED, LEASE_LOST, DISK_FULL, CONFIG_INVALID, SERVER_WENT_AWAY after ten minutes; chunks that were claimed
 * are let go
 */
export async function workOn(session: Session, work: Work, options: WorkerOptions): Promise<void> {
  await step(work, `backfill ${options.backfill}`, async () => {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await (isFirst ? shift(session, work, options) : resumed(session, work, options))
      } catch (thrown) {
        const error = toDwhError(thrown)
        if (!isGone(error) || work.signal.aborted) throw error
        work.emit({ type: 'warning', message: `${error.message}; waiting for the server` })
        await untilBack(session, work, error)
      }
    }
  })
}

/** A run that goes on after its connections were ended: the lease is taken anew, and what was claimed is free again. */
async function resumed(session: Session, work: Work, options: WorkerOptions): Promise<void> {
  await using fresh = await Session.open(session.target, `dwh backfill ${options.run}`, work)
  await renewRun(fresh, options.run)
  return await shift(fresh, work, options)
}

async function shift(session: Session, work: Work, options: WorkerOptions): Promise<void> {
  const { warehouse, sources, run, backfill, hands = Number.POSITIVE_INFINITY } = options
  return underLease(session, work, workerLease(run), run, async (lease) => {
    // It has to write down that the work was stopped.
    const quiet: Work = { emit: work.emit, signal: new AbortController().signal }
    await using control = await Session.open(session.target, `dwh backfill ${backfill} ledger`, quiet)
    await releaseOwn(control, run)
    const state = await openWork(control, backfill, run)
    if (!state) return
    const stopper = new AbortController()
    const signal = AbortSignal.any([work.signal, stopper.signal])
    // Every connection listens to it.
    setMaxListeners(0, signal)
    const bench = { warehouse, run, lease, sources }
    const place = { backfill, target: session.target, bench, control, hands }
    await new Shift(place, { emit: work.emit, signal }, stopper, state).work()
  })
}

function isGone({ code }: DwhError): boolean {
  return code === 'SERVER_WENT_AWAY' || code === 'SERVER_UNREACHABLE'
}

async function untilBack({ target }: Session, work: Work, gone: DwhError): Promise<void> {
  const deadline = performance.now() + patience * 1000
  for (let pause = 250; performance.now() < deadline; pause = Math.min(pause * 2, 10_000)) {
    await sleep(pause, undefined, { signal: work.signal })
    try {
      await using _ = await Session.open(target, 'dwh backfill', work)
      return
    } catch (error) {
      if (!isGone(toDwhError(error))) throw error
    }
  }
  throw gone
}
