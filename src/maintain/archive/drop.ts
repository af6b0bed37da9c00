import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type ArchivedLeaf, advanceArchive } from '../../ledger/archives.ts'
import { parseRelation, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import { climbInTransaction } from '../../postgres/ladder.ts'
import { findOid } from '../../postgres/relations.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { proofColumns } from '../../proof/columns.ts'
import { proveRelation } from '../../proof/hash.ts'
import { attachmentOf } from './attachment.ts'
import { referred } from './detach.ts'
import { verifiedManifest } from './folder.ts'
import { requireEqual } from './write.ts'

/**
 * Drops a detached leaf after every byte of its archive was looked at, and its rows were hashed once more under the lock that
 * goes with the DROP.
 *
 * Locks: ACCESS EXCLUSIVE on the detached leaf, which nobody uses.
 *
 * @returns the bytes that it took, 0 where somebody has dropped it by hand
 * @throws DwhError INPUT_BROKEN, PROOF_FAILED, LOCK_HELD; TARGET_UNFIT where it is attached again; the leaf stays then
 */
export async function dropArchived(session: Session, work: Work, archive: ArchivedLeaf): Promise<number> {
  await verifiedManifest(archive.folder, archive.sha256, work.signal)
  const aside = parseRelation(archive.aside as string)
  return climbInTransaction(session, work, { relations: [aside] }, async () => {
    const oid = await findOid(session, aside)
    let bytes = 0
    if (oid !== undefined) {
      await session.run(`LOCK TABLE ONLY ${relation(aside)} IN ACCESS EXCLUSIVE MODE`)
      await requireAlone(session, aside, oid)
      requireEqual(
        archive,
        await proveRelation(session, await proofColumns(session, oid), `ONLY ${relation(aside)}`),
      )
      bytes = (
        await session.one<{ bytes: number }>('SELECT pg_total_relation_size($1::bigint::oid) AS bytes', [oid])
      ).bytes
      await session.run(`DROP TABLE ${relation(aside)}`)
    }
    await advanceArchive(session, archive.archive, 'dropped')
    return bytes
  })
}

/** @throws DwhError TARGET_UNFIT where somebody has attached it by hand: its rows are read again */
async function requireAlone(session: Session, aside: RelationName, oid: number): Promise<void> {
  const kin = await session.row<RelationName>(sql('maintain/kin'), [oid])
  if (!kin) return
  throw new DwhError('TARGET_UNFIT', `${shown(aside)} belongs to ${shown(kin)} again; it was not dropped`, {
    hint: `detach it, then drop it, or bring it back for good: dwh partitions thaw`,
  })
}

/**
 * Drops a leaf that no archive is kept of, in one transaction: it is there, or it is gone.
 *
 * Locks: ACCESS EXCLUSIVE on the parent and the leaf, under the lock ladder.
 *
 * @throws DwhError LOCK_HELD; ROWS_UNFIT where a foreign key refers to its rows
 */
export async function dropLeaf(
  session: Session,
  work: Work,
  parent: RelationName,
  leaf: RelationName,
): Promise<void> {
  try {
    await climbInTransaction(session, work, { relations: [parent, leaf] }, async () => {
      const now = await attachmentOf(session, parent, leaf)
      if (!now?.is_attached) return
      const how = now.is_pending ? ' FINALIZE' : ''
      await session.run(`ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(leaf)}${how}`)
      await session.run(`DROP ${now.is_foreign ? 'FOREIGN ' : ''}TABLE ${relation(leaf)}`)
    })
  } catch (error) {
    throw referred(leaf, error as DwhError)
  }
}
