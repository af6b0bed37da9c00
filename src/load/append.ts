import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Lease } from '../ledger/lease.ts'
import type { LoadFigures } from '../ledger/loads.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { Transaction } from '../postgres/transaction.ts'
import type { Reader } from '../sources/file/reader.ts'
import { finish } from './conclude.ts'
import { Landing } from './landing.ts'
import type { LoadPlan } from './plan.ts'
import type { RejectLog } from './reject-log.ts'
import { Dispatch } from './send.ts'

export interface Appending {
  plan: LoadPlan
  reader: Reader
  rejects: RejectLog
  load: number
  again: boolean
  send(dispatch: Dispatch): Promise<{ bytes: number; sha256: string }>
}

/**
 * Writes a file straight into the target, in one transaction on one connection. Each batch has a savepoint: one that the
 * server refuses is taken back and looked at row by row.
 *
 * Locks: ROW EXCLUSIVE on the target; SHARE UPDATE EXCLUSIVE until the end where leaves had to be made.
 *
 * @throws DwhError ROWS_UNFIT when a key is there already
 */
export async function append(
  session: Session,
  work: Work,
  lease: Lease,
  appending: Appending,
): Promise<LoadFigures> {
  const { plan, reader, rejects, load, again } = appending
  const { target } = plan
  await using transaction = await Transaction.begin(session)
  const landing = await Landing.onTarget(session, target.dataset, target)
  await landing.reach(session, plan.dates)
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
  rejects.settle(records)
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
  await finish(session, lease, load, { digest, again }, figures)
  await transaction.commit()
  return figures
}
