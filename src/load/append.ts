import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Lease } from '../ledger/lease.ts'
import type { LoadFigures } from '../ledger/loads.ts'
import type { Replay } from '../ledger/rejects.ts'
import { inspectTarget, type Leaf } from '../partitions/tree.ts'
import { relation, shown } from '../postgres/identifiers.ts'
import { climbInSavepoint } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { Transaction } from '../postgres/transaction.ts'
import type { Reader } from '../sources/file/reader.ts'
import { Landing } from './landing.ts'
import type { LoadPlan } from './plan.ts'
import { finish } from './publish/conclude.ts'
import { Dispatch } from './send/dispatch.ts'
import type { RejectLog } from './send/reject-log.ts'
import type { LoadTarget } from './target.ts'

export interface Appending {
  plan: LoadPlan
  reader: Reader
  rejects: RejectLog
  load: number
  again: boolean
  replay: Replay | undefined
  send(dispatch: Dispatch): Promise<{ bytes: number; sha256: string }>
}

/**
 * Writes a file straight into the target, in one transaction on one connection. Each batch has a savepoint: one that the
 * server refuses is taken back and looked at row by row.
 *
 * Locks: ROW EXCLUSIVE on the target; SHARE UPDATE EXCLUSIVE until the end where leaves had to be made.
 *
 * @throws DwhError ROWS_UNFIT when a key is there already; LOCK_HELD when somebody else makes leaves
 */
export async function append(
  session: Session,
  work: Work,
  lease: Lease,
  appending: Appending,
): Promise<LoadFigures> {
  const { plan, reader, rejects, load, again, replay } = appending
  const { target } = plan
  await using transaction = await Transaction.begin(session)
  const leaves = plan.missing.length > 0 ? await takeLeaves(session, work, target) : target.leaves
  const landing = await Landing.onTarget(session, target.dataset, { oid: target.oid, leaves })
  const dispatch = new Dispatch(reader, target, landing, rejects)
  const digest = await appending.send(dispatch).catch((error) => {
    if (!hasState(error, sqlstate.uniqueViolation)) throw error
    throw new DwhError(
      'ROWS_UNFIT',
      `${shown(target.dataset.target)} has a row with a key of the file already: ${String((error as Error).message).split('\n')[0]}; nothing was loaded`,
      { cause: error, hint: 'let --strategy merge decide which row is kept' },
    )
  })
  const records = dispatch.landed + rejects.count
  await rejects.settle(records)
  await rejects.tell()
  work.signal.throwIfAborted()
  const figures: LoadFigures = {
    records,
    inserted: dispatch.landed,
    updated: 0,
    unchanged: 0,
    moved: 0,
    replaced: 0,
    duplicates: 0,
    rejected: rejects.count,
    leaves: plan.touched.map((name) => ({ name })),
  }
  await finish(session, work, lease, { load, digest, again, replay }, figures)
  await transaction.commit()
  return figures
}

/** The right to make leaves, before any is made: somebody else may have made them since the plan, or be about to. */
async function takeLeaves(
  session: Session,
  work: Work,
  { dataset: { target, partition } }: LoadTarget,
): Promise<Leaf[] | undefined> {
  return climbInSavepoint(session, work, { relations: [target] }, async () => {
    await session.run(`LOCK TABLE ONLY ${relation(target)} IN SHARE UPDATE EXCLUSIVE MODE`)
    const now = await inspectTarget(session, target, partition)
    return now.kind === 'partitioned' ? now.leaves : undefined
  })
}
