import { toDwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { canMerge, type MergedLedger, mergeLedger, raiseLedger } from '../../ledger/merge.ts'
import { Session } from '../../postgres/session.ts'
import type { Target } from '../../postgres/target.ts'
import type { Manifest } from '../manifest.ts'

/** What has become of the ledger of the database that is replaced. */
export type LedgerOutcome =
  | ({ how: 'merged' } & MergedLedger)
  | { how: 'raised'; why: string }
  | { how: 'none'; why: string }

/**
 * Brings what the old ledger has done since the backup into the restored one. Where it cannot be read, numbers and epochs of
 * the restored one are raised, so that none that was given away comes again.
 *
 * @param old null where there is no old database
 */
export async function bringLedger(
  work: Work,
  restored: Target,
  old: Target | null,
  { ledger, snapshot }: Pick<Manifest, 'ledger' | 'snapshot'>,
  application: string,
): Promise<LedgerOutcome> {
  if (ledger === null) return { how: 'none', why: 'the backup has no ledger' }
  await using session = await Session.open(restored, application, work)
  if (!(await canMerge(session))) return { how: 'none', why: 'the ledger of the backup is older than loads' }
  const why = await merge()
  if (typeof why !== 'string') return { how: 'merged', ...why }
  await raiseLedger(session, ledger)
  return { how: 'raised', why }

  async function merge(): Promise<MergedLedger | string> {
    if (!old) return 'there is no old database'
    try {
      await using other = await Session.open(old, application, work)
      if (!(await canMerge(other))) return 'the old database has no ledger'
      return await mergeLedger(session, other, ledger as NonNullable<typeof ledger>, snapshot.at)
    } catch (error) {
      work.signal.throwIfAborted()
      return toDwhError(error).message
    }
  }
}
