import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type Backfill, findBackfill, want } from '../ledger/backfills.ts'
import type { ChunkOutcome } from '../ledger/chunk.ts'
import { cancelChunks, listChunks, reopenChunks } from '../ledger/chunks.ts'
import { releaseDead } from '../ledger/workers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { codeOf } from './code.ts'

/** @throws DwhError USAGE for a backfill that has no open chunk, or was cancelled */
function requireOpen(backfill: Backfill, verb: string): void {
  const { backfill: run, ended_at, wanted } = backfill
  if (ended_at === null && wanted !== 'cancel') return
  const short = backfill.failed + backfill.quarantined + backfill.cancelled
  throw new DwhError(
    'USAGE',
    `backfill ${run} has ${wanted === 'cancel' ? 'been cancelled' : 'ended'}: there is nothing to ${verb}`,
    {
      hint:
        short > 0
          ? `to take up what is not done: dwh backfill retry ${run}`
          : `see: dwh backfill status ${run}`,
    },
  )
}

/** Chunks that are claimed are finished, and none is begun. */
export async function pause(session: Session, backfill: number): Promise<Backfill> {
  const found = await findBackfill(session, backfill)
  requireOpen(found, 'pause')
  await want(session, backfill, 'pause')
  return findBackfill(session, backfill)
}

/** @param parallel chunks at the same time from now on; as many as before unless given */
export async function resume(
  session: Session,
  backfill: number,
  parallel: number | undefined,
): Promise<Backfill> {
  const found = await findBackfill(session, backfill)
  requireOpen(found, 'resume')
  await want(session, backfill, 'run', parallel)
  return findBackfill(session, backfill)
}

/** Milliseconds that workers get to undo what they have begun. */
const patience = 30_000

/**
 * Ends a backfill: what is claimed is undone by its workers, what is not ends here. What is done stays.
 *
 * @param run that cancels
 */
export async function cancel(session: Session, work: Work, run: number, backfill: number): Promise<Backfill> {
  requireOpen(await findBackfill(session, backfill), 'cancel')
  await want(session, backfill, 'cancel')
  const deadline = performance.now() + patience
  for (;;) {
    await releaseDead(session, work, run, backfill)
    await cancelChunks(session, backfill)
    const found = await findBackfill(session, backfill)
    if (found.ended_at !== null || performance.now() > deadline) return found
    await sleep(200, undefined, { signal: work.signal })
  }
}

/**
 * Opens what is not done of a backfill once more, to be read by the warehouse file as it is now.
 *
 * @returns how many chunks
 * @throws DwhError USAGE where there is none
 */
export async function reopen(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  run: number,
  backfill: number,
  outcomes: ChunkOutcome[],
): Promise<number> {
  await releaseDead(session, work, run, backfill)
  const chunks = await listChunks(session, backfill)
  const wanted = chunks.filter(({ outcome }) => outcome !== null && outcomes.includes(outcome))
  const pairs = new Map(wanted.map((chunk) => [`${chunk.dataset} ${chunk.source}`, chunk]))
  const codes = [...pairs.values()].map(({ dataset, source }) => ({
    dataset,
    source,
    code: codeOf(warehouse, dataset, source),
  }))
  return inTransaction(session, async () => {
    const reopened = await reopenChunks(session, backfill, outcomes, codes)
    await want(session, backfill, 'run')
    return reopened
  })
}
