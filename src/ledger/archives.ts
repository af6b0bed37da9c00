import { DwhError } from '../errors.ts'
import { type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** A leaf that lies in files and was not thawed. */
export interface ArchivedLeaf {
  archive: number
  dataset: string
  /** Names are quoted, with their schemas. */
  parent: string
  leaf: string
  /** What it is called since it was detached; null before, and it may be there no more. */
  aside: string | null
  /** As in pg_get_expr(relpartbound). */
  bounds: string
  format: 'parquet' | 'pg_dump'
  folder: string
  /** Of its manifest. */
  sha256: string
  bytes: number
  row_count: number
  hash_1: string
  hash_2: string
  algorithm: string
  written_at: Date
  proved_at: Date | null
  detached_at: Date | null
  keep_until: Date | null
  dropped_at: Date | null
  /** The detached leaf may be dropped. */
  is_due: boolean
}

export interface NewArchive {
  run: number
  warehouse: string
  dataset: string
  parent: RelationName
  leaf: RelationName
  bounds: string
  format: ArchivedLeaf['format']
  folder: string
  sha256: string
  bytes: number
  rows: number
  hash1: bigint
  hash2: bigint
  algorithm: string
}

/** @returns its number */
export async function openArchive(session: Session, archive: NewArchive): Promise<number> {
  const row = await session.row<{ archive: number }>(sql('ledger/open_archive'), [
    archive.run,
    archive.warehouse,
    archive.dataset,
    relation(archive.parent),
    relation(archive.leaf),
    archive.bounds,
    archive.folder,
    archive.sha256,
    archive.bytes,
    archive.rows,
    String(archive.hash1),
    String(archive.hash2),
    archive.algorithm,
    archive.format,
  ])
  if (row) return row.archive
  throw new DwhError('TARGET_UNFIT', `${relation(archive.leaf)} was archived and detached before`, {
    hint: 'bring that one back first: dwh partitions thaw',
  })
}

/**
 * To be called in the transaction that does what it says.
 *
 * @param kept of a detached leaf what it is called, and for how many seconds it stays
 * @throws DwhError LEASE_LOST where another run has thawed it meanwhile
 */
export async function advanceArchive(
  session: Session,
  archive: number,
  step: 'proved' | 'detached' | 'dropped' | 'thawed',
  kept?: { aside: RelationName; seconds: number },
): Promise<void> {
  const row = await session.row(sql('ledger/advance_archive'), [
    archive,
    step,
    kept ? relation(kept.aside) : null,
    kept?.seconds ?? null,
  ])
  if (!row) throw new DwhError('LEASE_LOST', 'another run has brought the archived leaf back meanwhile')
}

/** @returns none where there is no ledger, or one that knows no archives */
export async function listArchives(session: Session, parent: RelationName): Promise<ArchivedLeaf[]> {
  if (!(await ledgerPresence(session)).has_archives) return []
  return session.rows<ArchivedLeaf>(sql('ledger/list_archives'), [relation(parent)])
}
