import { DwhError } from '../../errors.ts'
import { step } from '../../events.ts'
import { type ArchivedLeaf, advanceArchive, listArchives, openArchive } from '../../ledger/archives.ts'
import { readSeals } from '../../ledger/seals.ts'
import { packageVersion } from '../../package.ts'
import { planSeal, sealLeaves } from '../../partitions/seal.ts'
import { type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { inTransaction } from '../../postgres/transaction.ts'
import { proofColumns } from '../../proof/columns.ts'
import { equalProofs, type Proof, proofVectors, proveRelation } from '../../proof/hash.ts'
import { plainCount, readable } from '../words.ts'
import type { Archiving, AttachedLeaf } from './archiving.ts'
import { attachmentOf } from './attachment.ts'
import { catalogueColumns, storedColumns } from './columns.ts'
import { writeDump } from './dump.ts'
import { ArchiveDraft, type ArchiveFormat, archivesOf, verifiedManifest } from './folder.ts'
import { restoreScratch } from './formats.ts'
import { onDisk, writeParquet } from './parquet.ts'

/**
 * Brings a leaf into files that were restored once and compared: sealed, written, read back into a table of this session. What
 * an earlier run has done and still holds is not done again.
 *
 * Locks: SHARE ROW EXCLUSIVE on the leaf, for the moment in which it is sealed.
 *
 * @throws DwhError DISK_FULL, PROOF_FAILED, LOCK_HELD; the leaf stays as it was, but sealed
 */
export async function archiveLeaf(
  archiving: Archiving,
  leaf: AttachedLeaf,
  format: ArchiveFormat,
): Promise<ArchivedLeaf> {
  const { session, work, dataset } = archiving
  const known = await findArchive(archiving, leaf)
  const isAsked = known?.detached_at || known?.format === format
  if (known?.proved_at && isAsked && (await stillHolds(session, leaf, known))) return known
  if (known?.proved_at && (await isHalfDetached(archiving, leaf))) {
    // A detach that was begun makes the seal void; its triggers are there still, and nothing has become of the rows.
    const columns = await proofColumns(session, leaf.oid)
    requireEqual(known, await proveRelation(session, columns, `ONLY ${relation(leaf)}`))
    return known
  }
  const plan = await planSeal(session, dataset, { names: [shown(leaf)] })
  if (plan.leaves.length > 0)
    await sealLeaves(session, work, plan, { run: archiving.run, warehouse: archiving.warehouse.name })
  const archive = await step(work, `write ${leaf.name}`, () => write(archiving, leaf, format), told)
  await step(
    work,
    `restore ${leaf.name} and compare`,
    () => prove(archiving, leaf, archive),
    () => 'equal',
  )
  return (await findArchive(archiving, leaf)) as ArchivedLeaf
}

const told = ({ row_count, bytes }: ArchivedLeaf) =>
  `${plainCount(row_count, 'row')}, ${(bytes / 1024 ** 2).toFixed(1)} MB`

async function isHalfDetached({ session, dataset }: Archiving, leaf: AttachedLeaf): Promise<boolean> {
  return (await attachmentOf(session, dataset.target, leaf))?.is_pending ?? false
}

async function findArchive(
  { session, dataset }: Archiving,
  leaf: RelationName,
): Promise<ArchivedLeaf | undefined> {
  return (await listArchives(session, dataset.target)).find((one) => one.leaf === relation(leaf))
}

/** Sealed before it was written, and never opened since. */
async function stillHolds(
  session: Session,
  leaf: AttachedLeaf,
  { written_at }: ArchivedLeaf,
): Promise<boolean> {
  const seals = await readSeals(session, [leaf.oid])
  return seals.some(
    ({ state, sealedAt }) => state === 'sealed' && sealedAt !== undefined && sealedAt < written_at,
  )
}

async function write(archiving: Archiving, leaf: AttachedLeaf, format: ArchiveFormat): Promise<ArchivedLeaf> {
  const { session, work, run, warehouse, dataset } = archiving
  const from = `ONLY ${relation(leaf)}`
  const draft = await ArchiveDraft.begin(archivesOf(warehouse), dataset.name, leaf.name, run)
  try {
    const { bounds } = await session.one<{ bounds: string }>(sql('maintain/bounds'), [leaf.oid])
    const { columns, proof, version } = await inTransaction(
      session,
      async () => {
        const proof = await proveRelation(session, await proofColumns(session, leaf.oid), from)
        const path = draft.dataPath(format)
        if (format === 'pg_dump') {
          const columns = await catalogueColumns(session, leaf.oid)
          const version = await onDisk(path, () => writeDump(session, work, leaf, path))
          return { columns, proof, version }
        }
        const columns = await storedColumns(session, leaf.oid, from)
        await writeParquet(session, work, columns, from, path, (rows) =>
          work.emit({
            type: 'progress',
            step: `write ${leaf.name}`,
            done: rows,
            total: proof.rows,
            unit: 'rows',
          }),
        )
        return { columns, proof, version: undefined }
      },
      'ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    )
    const algorithm = await proofVectors(session)
    const { sha256, bytes } = await draft.finish({
      version: 1,
      warehouse: warehouse.name,
      dataset: dataset.name,
      parent: dataset.target,
      leaf: { schema: leaf.schema, name: leaf.name },
      format,
      ...(version === undefined ? {} : { tool_version: version }),
      bounds,
      columns: columns.map(({ name, type, not_null, is_generated }) => ({
        name,
        type,
        not_null,
        is_generated,
      })),
      rows: proof.rows,
      proof: { algorithm, hash_1: String(proof.hash1), hash_2: String(proof.hash2) },
      written_at: new Date().toISOString(),
      dwh: packageVersion,
    })
    await openArchive(session, {
      ...{
        run,
        warehouse: warehouse.name,
        dataset: dataset.name,
        parent: dataset.target,
        leaf,
        bounds,
        format,
      },
      ...{ folder: draft.path, sha256, bytes, ...proof, algorithm },
    })
  } catch (error) {
    await draft.discard()
    throw error
  }
  return (await findArchive(archiving, leaf)) as ArchivedLeaf
}

/** Restores the files into a table that goes with the transaction, and compares it with what they were written from. */
async function prove({ session, work }: Archiving, leaf: AttachedLeaf, archive: ArchivedLeaf): Promise<void> {
  const manifest = await verifiedManifest(archive.folder, archive.sha256, work.signal)
  await inTransaction(session, async () => {
    const scratch = { schema: 'pg_temp', name: 'dwh_proof' }
    await restoreScratch(session, work, { folder: archive.folder, manifest }, leaf, scratch)
    const columns = await proofColumns(session, leaf.oid)
    const restored = await proveRelation(session, columns, relation(scratch))
    requireEqual(archive, restored)
    await advanceArchive(session, archive.archive, 'proved')
    await session.run(`DROP TABLE ${relation(scratch)}`)
  })
}

/** @throws DwhError PROOF_FAILED */
export function requireEqual(archive: ArchivedLeaf, found: Proof): void {
  const expected = { rows: archive.row_count, hash1: BigInt(archive.hash_1), hash2: BigInt(archive.hash_2) }
  if (equalProofs(found, expected)) return
  const counts = `${plainCount(found.rows, 'row')}, and ${expected.rows} were written`
  throw new DwhError(
    'PROOF_FAILED',
    `${readable(archive.leaf)} and its archive ${archive.folder} are not the same: ${counts}`,
    {
      hint: 'nothing was dropped; archive it again, or look at both',
    },
  )
}
