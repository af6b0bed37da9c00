import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** The source of a load that was a chunk of a backfill; undefined of any other, and in a ledger older than chunks. */
export async function sourceOfLoad(session: Session, load: number): Promise<string | undefined> {
  if (!(await ledgerPresence(session)).has_backfills) return undefined
  return (await session.row<{ source: string }>(sql('ledger/source_of_load'), [load]))?.source
}
