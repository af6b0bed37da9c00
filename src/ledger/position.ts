import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** How far the ledger is: what a backup holds, and what came after it. */
export interface LedgerPosition {
  last_run: number | null
  last_load: number | null
  /** Of any lease. */
  highest_epoch: number | null
}

export interface AppliedMigration {
  folder: string
  name: string
  sha256: string
}

/** Null where there is no ledger. */
export async function ledgerPosition(session: Session): Promise<LedgerPosition | null> {
  const { has_ledger, has_loads } = await ledgerPresence(session)
  if (!has_ledger) return null
  const position = await session.one<Omit<LedgerPosition, 'last_load'>>(sql('ledger/position'))
  const loads = has_loads
    ? await session.row<{ last_load: number | null }>(sql('ledger/last_load'))
    : undefined
  return { ...position, last_load: loads?.last_load ?? null }
}

/** Of every folder, in the order in which they were applied. */
export async function appliedMigrations(session: Session): Promise<AppliedMigration[]> {
  if (!(await ledgerPresence(session)).has_checksums) return []
  return session.rows<AppliedMigration>(sql('ledger/applied_migrations'))
}
