import { packageVersion } from '../package.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** An applied migration as the ledger has it; hashes are hexadecimal SHA-256. */
export interface AppliedChecksum {
  name: string
  file_sha256: string
  sql_sha256: string
  version: string
  milliseconds: number
  applied_at: Date
}

export interface LedgerPresence {
  has_schema: boolean
  has_ledger: boolean
  has_checksums: boolean
  /** False where the ledger is there but older than loads. */
  has_loads: boolean
  /** As has_loads, for seals. */
  has_seals: boolean
  has_restored_leaves: boolean
  has_checks: boolean
  has_backfills: boolean
  has_slots: boolean
  has_archives: boolean
  has_tasks: boolean
}

export async function ledgerPresence(session: Session): Promise<LedgerPresence> {
  return session.one<LedgerPresence>(sql('ledger/exists'))
}

export async function listChecksums(session: Session, folder: string): Promise<AppliedChecksum[]> {
  return session.rows<AppliedChecksum>(sql('ledger/list_migrations'), [folder])
}

/** To be called in the transaction that applies the migration. */
export async function recordMigration(
  session: Session,
  folder: string,
  name: string,
  hashes: { file: string; sql: string },
  milliseconds: number,
): Promise<void> {
  await session.run(sql('ledger/record_migration'), [
    folder,
    name,
    hashes.file,
    hashes.sql,
    packageVersion,
    Math.round(milliseconds),
  ])
}

/** To be called in the transaction that takes the migration back. */
export async function forgetMigration(session: Session, folder: string, name: string): Promise<void> {
  await session.run(sql('ledger/forget_migration'), [folder, name])
}
