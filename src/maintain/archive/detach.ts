import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type ArchivedLeaf, advanceArchive } from '../../ledger/archives.ts'
import { closeSeal, readSeals, sealTriggers } from '../../ledger/seals.ts'
import { fitName, ident, literal, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import { climb, climbInTransaction } from '../../postgres/ladder.ts'
import { findOid } from '../../postgres/relations.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import { spanSeconds } from '../../warehouse/values.ts'
import type { Archiving, AttachedLeaf } from './archiving.ts'
import { attachmentOf } from './attachment.ts'

/**
 * Detaches a leaf: CONCURRENTLY, where an attempt that did not get its lock is finished by the next; in one piece beside a leaf
 * for all the rest, which PostgreSQL demands.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on the parent and ACCESS EXCLUSIVE on the leaf, after all who use the parent have come to their end;
 * beside a DEFAULT partition ACCESS EXCLUSIVE on the parent and that partition. Under the lock ladder.
 *
 * @throws DwhError LOCK_HELD; ROWS_UNFIT where a foreign key refers to its rows
 */
export async function detachLeaf(
  session: Session,
  work: Work,
  parent: RelationName,
  leaf: RelationName,
): Promise<void> {
  const command = `ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(leaf)}`
  const ladder = { relations: [parent, leaf] }
  try {
    await climb(session, work, ladder, async (timeout) => {
      const now = await attachmentOf(session, parent, leaf)
      if (!now?.is_attached) return
      const how = now.is_pending ? ' FINALIZE' : now.has_default ? '' : ' CONCURRENTLY'
      await session.run(`SET lock_timeout = ${timeout}`)
      await session.run(command + how)
    })
  } catch (error) {
    throw referred(leaf, error)
  } finally {
    await session.client.query("SET lock_timeout = '10s'").catch(() => {})
  }
}

/** Rows of other tables refer to those of the leaf: which, PostgreSQL names. */
export function referred(leaf: RelationName, error: unknown): unknown {
  if (!hasState(error, sqlstate.foreignKeyViolation)) return error
  const { message } = error as DwhError
  return new DwhError('ROWS_UNFIT', `${shown(leaf)} stays where it is: ${message}`, {
    cause: (error as DwhError).cause,
    hint: 'archive or delete the rows that refer to it first',
  })
}

/**
 * Takes a proved leaf out of its table and puts it aside under another name, where nobody but its owner reaches it.
 *
 * @returns its name
 */
export async function putAside(
  archiving: Archiving,
  archive: ArchivedLeaf,
  leaf: AttachedLeaf,
): Promise<RelationName> {
  const { session, work, dataset, warehouse } = archiving
  // Before it is detached: with no name to go by it would be neither here nor there.
  const aside = await freeName(session, leaf)
  await detachLeaf(session, work, dataset.target, leaf)
  const seconds = spanSeconds(warehouse.maintenance.archive.keep)
  await climbInTransaction(session, work, { relations: [leaf] }, async () => {
    await session.run(`LOCK TABLE ONLY ${relation(leaf)} IN ACCESS EXCLUSIVE MODE`)
    const grantees = await session.rows<{ grantee: string | null }>(sql('maintain/grantees'), [leaf.oid])
    for (const { grantee } of grantees)
      await session.run(
        `REVOKE ALL ON ${relation(leaf)} FROM ${grantee === null ? 'PUBLIC' : ident(grantee)} CASCADE`,
      )
    for (const one of await readSeals(session, [leaf.oid]))
      await closeSeal(session, { ...one, why: 'it was archived' })
    for (const trigger of Object.values(sealTriggers))
      await session.run(`DROP TRIGGER IF EXISTS ${ident(trigger)} ON ${relation(leaf)}`)
    await session.run(
      `COMMENT ON TABLE ${relation(leaf)} IS ${literal(`Archived in ${archive.folder}; goes with: dwh partitions drop ${dataset.name}`)}`,
    )
    await session.run(`ALTER TABLE ${relation(leaf)} RENAME TO ${ident(aside.name)}`)
    await advanceArchive(session, archive.archive, 'detached', { aside, seconds })
  })
  return aside
}

/** `sales_2015_archived`, with a number where another table is called so. */
async function freeName(session: Session, { schema, name }: RelationName): Promise<RelationName> {
  for (let n = 1; ; n++) {
    const aside = { schema, name: fitName(name, n === 1 ? '_archived' : `_archived_${n}`) }
    if ((await findOid(session, aside)) === undefined) return aside
  }
}
