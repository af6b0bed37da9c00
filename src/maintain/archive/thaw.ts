import { DwhError } from '../../errors.ts'
import { step } from '../../events.ts'
import { type ArchivedLeaf, advanceArchive } from '../../ledger/archives.ts'
import { readFurniture } from '../../partitions/create.ts'
import { furnishStatements, standaloneLeafStatements } from '../../partitions/leaf-sql.ts'
import { planSeal, sealLeaves } from '../../partitions/seal.ts'
import { inspectTarget } from '../../partitions/tree.ts'
import {
  fitName,
  ident,
  parseRelation,
  type RelationName,
  relation,
  shown,
} from '../../postgres/identifiers.ts'
import { climbInTransaction } from '../../postgres/ladder.ts'
import { findOid } from '../../postgres/relations.ts'
import type { Session } from '../../postgres/session.ts'
import { proofColumns } from '../../proof/columns.ts'
import { proveRelation } from '../../proof/hash.ts'
import { adaptStatements, agedStatements } from './adapt.ts'
import type { Archiving } from './archiving.ts'
import { type CatalogueColumn, catalogueColumns } from './columns.ts'
import { type ArchiveManifest, verifiedManifest } from './folder.ts'
import { readRows } from './formats.ts'
import { requireEqual } from './write.ts'

/**
 * Brings an archived leaf back: the detached table where it is still there, else a new one from the files; either is compared with
 * what was archived before it is attached.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on the parent, ACCESS EXCLUSIVE on the leaf and, for a moment, on a DEFAULT partition.
 *
 * @param readOnly seals it
 * @throws DwhError PROOF_FAILED, INPUT_BROKEN, LOCK_HELD, TARGET_UNFIT; the archive stays as it is
 */
export async function thawLeaf(
  archiving: Archiving,
  archive: ArchivedLeaf,
  readOnly: boolean,
): Promise<{ leaf: RelationName; from: 'table' | 'files' }> {
  const { session, work, dataset, run, warehouse } = archiving
  const leaf = parseRelation(archive.leaf)
  const target = await inspectTarget(session, dataset.target, dataset.partition)
  if (target.kind !== 'partitioned')
    throw new DwhError('TARGET_UNFIT', `${shown(dataset.target)} is ${target.kind}; nothing was changed`)
  await requireFree(session, leaf)
  const kept = archive.dropped_at || !archive.aside ? undefined : parseRelation(archive.aside)
  const isKept = kept !== undefined && (await findOid(session, kept)) !== undefined
  const restored = { schema: leaf.schema, name: fitName(leaf.name, '_dwh_thaw') }
  const table = isKept ? kept : restored
  const today = await catalogueColumns(session, target.oid)
  const restoring = () => restore(archiving, archive, { oid: target.oid, columns: today }, restored)
  const archived = isKept ? undefined : await step(work, `restore ${leaf.name}`, restoring)
  const furniture = await readFurniture(session, target.oid, dataset)
  const oid = (await findOid(session, table)) as number
  const columns = await catalogueColumns(session, oid)
  // What a table has got since is no part of what was archived.
  const own = archived ? columns.filter(({ name }) => archived.some((one) => one.name === name)) : columns
  const adapted = adaptStatements(dataset.target, today, table, columns)
  await step(work, `compare ${leaf.name}`, async () => {
    const hashed = (await proofColumns(session, oid)).filter(({ name }) =>
      own.some((one) => one.name === name),
    )
    requireEqual(archive, await proveRelation(session, hashed, `ONLY ${relation(table)}`))
  })
  await climbInTransaction(session, work, { relations: [dataset.target, table] }, async () => {
    await session.run(`LOCK TABLE ONLY ${relation(dataset.target)} IN SHARE UPDATE EXCLUSIVE MODE`)
    for (const statement of adapted) await session.run(statement)
    await session.run(`ALTER TABLE ${relation(table)} RENAME TO ${ident(leaf.name)}`)
    if (isKept) for (const statement of furnishStatements(leaf, furniture)) await session.run(statement)
    if (!furniture.comment) await session.run(`COMMENT ON TABLE ${relation(leaf)} IS NULL`)
    await session.run(
      `ALTER TABLE ${relation(dataset.target)} ATTACH PARTITION ${relation(leaf)} ${archive.bounds}`,
    )
    await advanceArchive(session, archive.archive, 'thawed')
  })
  await session.run(`ANALYZE ${relation(leaf)}`)
  if (readOnly) {
    const plan = await planSeal(session, dataset, { names: [shown(leaf)] })
    await sealLeaves(session, work, plan, { run, warehouse: warehouse.name })
  }
  return { leaf, from: isKept ? 'table' : 'files' }
}

async function requireFree(session: Session, leaf: RelationName): Promise<void> {
  if ((await findOid(session, leaf)) === undefined) return
  throw new DwhError('TARGET_UNFIT', `there is a table ${shown(leaf)} already; nothing was changed`, {
    hint: 'rename or drop it, and run the same command again',
  })
}

/**
 * Into a table of its own, anew where a run that was killed has left half of it.
 *
 * @returns the columns that were archived
 */
async function restore(
  { session, work, dataset }: Archiving,
  archive: ArchivedLeaf,
  parent: { oid: number; columns: CatalogueColumn[] },
  table: RelationName,
): Promise<ArchiveManifest['columns']> {
  const manifest = await verifiedManifest(archive.folder, archive.sha256, work.signal)
  const furniture = await readFurniture(session, parent.oid, dataset)
  const aged = agedStatements(dataset.target, parent.columns, table, manifest.columns)
  await session.run(`DROP TABLE IF EXISTS ${relation(table)}`)
  for (const statement of [...standaloneLeafStatements(dataset.target, table, furniture), ...aged])
    await session.run(statement)
  // Today's table says which columns it computes by itself.
  const generated = new Set(parent.columns.flatMap(({ name, is_generated }) => (is_generated ? name : [])))
  const columns = manifest.columns.map((one) => ({ ...one, is_generated: generated.has(one.name) }))
  const files = { folder: archive.folder, manifest: { ...manifest, columns } }
  await readRows(session, work, files, table, false)
  return manifest.columns
}
