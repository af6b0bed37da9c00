import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { type BackfillSettings, openBackfill } from '../ledger/backfills.ts'
import type { PastChunk } from '../ledger/chunk.ts'
import { planChunks, takeChunksOver } from '../ledger/chunks.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type BackfillPlan, planBackfill } from './plan.ts'

/**
 * Writes a plan into the ledger: whoever works on it finds it there. Windows that a dead run has planned go over to it.
 *
 * @returns the number of its chunks
 * @throws DwhError LOCK_HELD when another run has planned one of its windows meanwhile
 */
export async function writePlan(
  session: Session,
  warehouse: Warehouse,
  plan: BackfillPlan,
  run: number,
  { parallel, settings }: { parallel: number; settings: BackfillSettings },
): Promise<number> {
  const taken = plan.chunks.filter((chunk) => chunk.taken)
  const left = taken.flatMap(({ standing, past }) => (standing === 'left' && past ? [past.chunk] : []))
  try {
    await inTransaction(session, async () => {
      await openBackfill(session, run, warehouse.name, parallel, { ...settings, ...successions(plan) })
      if (left.length > 0) await takeChunksOver(session, left, run)
      await planChunks(
        session,
        run,
        warehouse.name,
        taken.map(({ chunk }) => chunk),
      )
    })
  } catch (error) {
    if (!hasState(error, sqlstate.uniqueViolation)) throw error
    throw await plannedMeanwhile(session, warehouse, plan, error)
  }
  return taken.length
}

/** Which datasets wait for which of the others, whose rows they read: only a claim knows what is done by then. */
function successions({ request }: BackfillPlan): Pick<BackfillSettings, 'after'> {
  const after = request.pairs.flatMap(({ dataset }) =>
    dataset.after.length > 0 ? [[dataset.name, dataset.after] as const] : [],
  )
  return after.length > 0 ? { after: Object.fromEntries(after) } : {}
}

async function plannedMeanwhile(
  session: Session,
  warehouse: Warehouse,
  plan: BackfillPlan,
  cause: unknown,
): Promise<DwhError> {
  const again = await planBackfill(session, warehouse, plan.request, Temporal.Now.instant())
  const other = again.chunks.find(({ standing }) => standing === 'at work' || standing === 'left')
  return atWork(other?.past, cause)
}

/** Somebody has these windows already: who comes second may join. */
export function atWork(past: PastChunk | undefined, cause?: unknown): DwhError {
  const [who, hint] = past
    ? past.wanted === 'pause'
      ? [`run ${past.backfill} is paused, and has`, `to go on with it: dwh backfill resume ${past.backfill}`]
      : [
          `run ${past.backfill} has`,
          `to share the work: dwh backfill work ${past.backfill}; how far it is: dwh backfill status ${past.backfill}`,
        ]
    : ['another run has', 'see: dwh backfill list']
  return new DwhError('LOCK_HELD', `${who} these windows already; nothing was changed`, { cause, hint })
}
