import { existsSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sealedLeaves } from '../ledger/seals.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Backup, BackupFolder } from './folder.ts'
import { type BackedUpTable, dataFile, type FileDigest, type Manifest, writeDown } from './manifest.ts'
import type { ScopedTable } from './scope.ts'
import { dataNumber } from './toc.ts'

/** What makes a seal of an earlier backup the same seal: uuids are of one database, and rows are proved by one algorithm. */
export interface SealContext {
  system_identifier: string | null
  database: number
  vectors: string
}

/** A sealed leaf that lies in a pack of an earlier backup. */
export interface Referenced {
  table: BackedUpTable
  /** By their path in the folder of backups: its data, and the table of contents of its pack. */
  files: Record<string, FileDigest>
}

/** What is done with the sealed leaves in scope; the others are dumped with everything else. */
export interface SealedPlan {
  /** By the OID of the leaf, the seals that hold. */
  seals: Map<number, string>
  /** By the OID of the leaf. */
  referenced: Map<number, Referenced>
  /** Leaves that no earlier backup has under their seal: they go into a pack of their own. */
  fresh: ScopedTable[]
}

/** @param session in the snapshot of the backup, where there is one */
export async function planSealed(
  session: Session,
  folder: BackupFolder,
  tables: ScopedTable[],
  context: SealContext,
): Promise<SealedPlan> {
  const known = await sealedLeaves(session)
  const seals = new Map(
    [...known].flatMap(([oid, { seal, state }]) => (state === 'sealed' ? [[oid, seal]] : [])),
  )
  const plan: SealedPlan = { seals, referenced: new Map(), fresh: [] }
  const sealed = tables.filter(({ oid, is_partitioned }) => !is_partitioned && seals.has(oid))
  if (sealed.length === 0) return plan
  const earlier = (await folder.list()).backups.filter(({ manifest }) => isSameDatabase(manifest, context))
  for (const table of sealed) {
    const found = findEarlier(folder, earlier, table.oid, seals.get(table.oid) as string)
    if (found) plan.referenced.set(table.oid, found)
    else plan.fresh.push(table)
  }
  return plan
}

/** Where the identifier of a cluster is not known, clusters cannot be told apart. */
function isSameDatabase({ server, database, proof }: Manifest, context: SealContext): boolean {
  return (
    context.system_identifier !== null &&
    server.system_identifier === context.system_identifier &&
    database.oid === context.database &&
    proof.vectors === context.vectors
  )
}

function findEarlier(
  folder: BackupFolder,
  backups: Backup[],
  oid: number,
  seal: string,
): Referenced | undefined {
  for (const { manifest } of backups) {
    const table = manifest.tables.find((one) => one.oid === oid && one.seal === seal)
    if (!table || table.file.archive === 'main') continue
    const contents = `${table.file.archive}/toc.dat`
    const { path, digest } = dataFile(manifest, table)
    const files = { [path]: digest, [contents]: manifest.references[contents] }
    if (Object.entries(files).every(([file, one]) => one && hasSize(join(folder.path, file), one.bytes)))
      return { table, files: files as Record<string, FileDigest> }
  }
  return undefined
}

/** Whether the bytes are the right ones is for `dwh backup verify` to say. */
function hasSize(path: string, bytes: number): boolean {
  return existsSync(path) && statSync(path).size === bytes
}

/**
 * For each pack that a backup refers to a list for `pg_restore --use-list`, so that it can be restored without this program.
 *
 * @param draft the folder of the backup
 */
export async function writeLists(draft: string, tables: BackedUpTable[]): Promise<string[]> {
  const packs = Map.groupBy(
    tables.filter(({ file }) => file.archive !== 'main'),
    ({ file }) => file.archive,
  )
  if (packs.size === 0) return []
  await mkdir(join(draft, 'sealed.list'), { mode: 0o700 })
  const written: string[] = []
  for (const [archive, members] of packs) {
    const file = `sealed.list/${archive.replace(/^sealed\//, '')}.list`
    // pg_restore reads the number; behind the semicolon stands what people want to know.
    const lines = members.map(
      (table) => `${dataNumber(table.file.name)}; ${shown(table).replace(/\s+/g, ' ')}\n`,
    )
    await writeDown(join(draft, file), lines.join(''))
    written.push(file)
  }
  return written
}
