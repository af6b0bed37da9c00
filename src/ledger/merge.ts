import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { ledgerPresence } from './migrations.ts'
import type { LedgerPosition } from './position.ts'

/** What a restored ledger has got of the one that it takes the place of. */
export interface MergedLedger {
  runs: number
  events: number
  /** Loads that were finished after the backup, and are failed ones with the code RESTORED_AWAY now. */
  restored_away: number
}

/** Numbers that the other ledger may still give away until it is closed. */
const margin = 1000

/** Where the other ledger cannot be asked: more than any of its leases and numbers can have grown since the backup. */
const epochStep = 1_000_000
const numberStep = 100_000

/** Whether a database has a ledger that another can be merged with. */
export async function canMerge(session: Session): Promise<boolean> {
  const { has_ledger, has_loads } = await ledgerPresence(session)
  return has_ledger && has_loads
}

/**
 * Takes over what another ledger has done since a backup of it was taken. Can be done again and again: what is there stays.
 *
 * @param other ledger; only read
 * @param position how far the backup was, taken at `at`
 */
export async function mergeLedger(
  session: Session,
  other: Session,
  position: LedgerPosition,
  at: string,
): Promise<MergedLedger> {
  const later = await other.one<{
    runs: object[]
    events: object[]
    loads: object[]
    leases: object[]
    last_run: number
    last_event: number
    last_load: number
  }>(sql('ledger/later_rows'), [position.last_run ?? 0, position.last_load ?? 0, at])
  const json = (rows: object[]) => [JSON.stringify(rows)]
  return inTransaction(session, async () => {
    const runs = await session.run(sql('ledger/merge_runs'), json(later.runs))
    const events = await session.run(sql('ledger/merge_events'), json(later.events))
    const loads = await session.rows<{ is_restored_away: boolean }>(
      sql('ledger/merge_loads'),
      json(later.loads),
    )
    await session.run(sql('ledger/merge_leases'), json(later.leases))
    await session.rows(sql('ledger/raise_numbers'), [
      later.last_run + margin,
      later.last_event + margin,
      later.last_load + margin,
    ])
    return { runs, events, restored_away: loads.filter(({ is_restored_away }) => is_restored_away).length }
  })
}

/** Makes sure that nothing is given away twice where the other ledger is lost. To be done once. */
export async function raiseLedger(session: Session, position: LedgerPosition): Promise<void> {
  await inTransaction(session, async () => {
    await session.run(sql('ledger/raise_leases'), [epochStep])
    const next = (last: number | null) => (last ?? 0) + numberStep
    await session.rows(sql('ledger/raise_numbers'), [
      next(position.last_run),
      numberStep * 10,
      next(position.last_load),
    ])
  })
}
