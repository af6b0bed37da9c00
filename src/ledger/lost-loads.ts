import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** A load whose rows went with a restore, and were not loaded again. */
export interface LostLoad {
  load: number
  dataset: string
  /** As typed. */
  input: string
  /** Absolute path; null where it is not known, or was no file. */
  place: string | null
  reading: Record<string, unknown>
  bytes: number
  sha256: string
  strategy: string
  /** The command line that loaded it; null once the run is forgotten. */
  words: string[] | null
}

/**
 * In the order in which they were loaded.
 *
 * @param since when a backup was taken: what its restore would take away; otherwise what restores have taken
 */
export async function listLostLoads(session: Session, since: string | null = null): Promise<LostLoad[]> {
  if (!(await ledgerPresence(session)).has_loads) return []
  const rows = await session.rows<LostLoad>(sql('ledger/lost_loads'), [since])
  return rows.toSorted((a, b) => a.load - b.load)
}
