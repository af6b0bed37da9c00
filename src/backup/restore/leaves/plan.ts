import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../../../errors.ts'
import type { Work } from '../../../events.ts'
import { listRestoredLeaves, type RestoredLeaf } from '../../../ledger/restored-leaves.ts'
import { readSeals } from '../../../ledger/seals.ts'
import { readTableColumns } from '../../../load/columns.ts'
import { datesOf, rangeCondition } from '../../../partitions/bounds.ts'
import { isAttached, type PartitionedDataset } from '../../../partitions/create.ts'
import { inspectTarget, type Leaf } from '../../../partitions/tree.ts'
import { fitName, relation, shown } from '../../../postgres/identifiers.ts'
import type { Session } from '../../../postgres/session.ts'
import { sql } from '../../../postgres/sql-files.ts'
import type { Policy } from '../../../warehouse/schema.ts'
import { digestFile } from '../../files.ts'
import { type Backup, type BackupFolder, manifestHash } from '../../folder.ts'
import { type BackedUpTable, dataFile, type Manifest, manifestName, sumsName } from '../../manifest.ts'
import { nameStamp } from '../../stamp.ts'
import { backedUpLeaves, type ChosenLeaf, chooseLeaves, type LeafWish } from './choose.ts'

export interface LeavesWishes {
  folder: BackupFolder
  backup: Backup
  dataset: PartitionedDataset
  leaves: LeafWish
  /** Stop before the exchange. */
  beside: boolean
  jobs: number
  /** What earlier attempts have left beside the table is dropped. */
  anew: boolean
}

/** One leaf of a backup, and what is in its place now. */
export interface PlannedRestore extends ChosenLeaf {
  /** What it is called in the table. */
  name: string
  /** The leaf whose place it takes; undefined where it is only attached. */
  twin: Leaf | undefined
  /** The seal that it had. */
  seal: string | undefined
  /** What an earlier attempt has made of it. */
  resumed: RestoredLeaf | undefined
}

/** What a restore of leaves would do. */
export interface LeavesPlan {
  wishes: LeavesWishes
  /** SHA-256 of the manifest. */
  manifest: string
  /** Names what is made, and what is kept. */
  batch: string
  parent: { schema: string; name: string; oid: number }
  leaves: PlannedRestore[]
  /** Loads since the backup whose rows go with the leaves that are replaced. */
  loadedSince: { load: number; input: string; leaves: string[] }[]
  /** Made by other attempts, and never exchanged. */
  leftovers: RestoredLeaf[]
}

/**
 * Compares leaves of a backup with the table, and reads the files that hold them; changes nothing.
 *
 * @throws DwhError TARGET_UNFIT naming what is in the way, USAGE, INPUT_BROKEN
 */
export async function planLeaves(session: Session, work: Work, wishes: LeavesWishes): Promise<LeavesPlan> {
  const { backup, dataset } = wishes
  const { target: name, partition: policy } = dataset
  const { manifest } = backup
  const tables = manifest.tables.filter(
    ({ parent }) => parent?.schema === name.schema && parent.name === name.name,
  )
  const target = await inspectTarget(session, name, policy)
  if (target.kind === 'missing') throw missing(wishes)
  if (target.kind === 'plain') throw plain(wishes)
  if (tables.length === 0) throw notInBackup(wishes)
  const chosen = chooseLeaves(dataset.name, backedUpLeaves(tables, policy), wishes.leaves)
  await requireSameColumns(session, target.oid, wishes, chosen)
  await verifyFiles(wishes, work, chosen)
  const hash = await soundManifest(backup)
  const before = await listRestoredLeaves(session, name)
  const open = before.filter(({ state }) => state !== 'attached' && state !== 'undone')
  const same = wishes.anew
    ? []
    : open.filter((one) => one.backup === backup.name && one.manifest === hash && isChosen(one, chosen))
  const seals = await readSeals(session)
  const leaves: PlannedRestore[] = []
  for (const leaf of chosen) {
    const twin = findTwin(dataset, target.leaves, leaf)
    if (twin) await requireFree(session, twin)
    else await requireRoomFor(session, target.oid, leaf, target.leaves, policy)
    leaves.push({
      ...leaf,
      name: twin?.name ?? leaf.table.name,
      twin,
      seal: seals.find((seal) => seal.leaf === twin?.oid)?.seal ?? leaf.table.seal ?? undefined,
      resumed: same.find(({ backup_oid }) => backup_oid === leaf.table.oid),
    })
  }
  const names = new Set(leaves.flatMap(({ twin }) => twin?.name ?? []))
  const since = await session.rows<LeavesPlan['loadedSince'][number]>(sql('restore/loaded_since'), [
    name.schema,
    name.name,
    manifest.snapshot.at,
  ])
  return {
    wishes,
    manifest: hash,
    batch: same[0]?.batch ?? nameStamp(before.map(({ batch }) => batch)),
    parent: { ...name, oid: target.oid },
    leaves,
    loadedSince: since.filter((load) => load.leaves.some((leaf) => names.has(leaf))),
    leftovers: open.filter((one) => !same.includes(one)),
  }
}

/** Its hash. @throws DwhError INPUT_BROKEN where the manifest was edited: it says what the rows must be */
async function soundManifest(backup: Backup): Promise<string> {
  const { name, path } = backup
  const hash = await manifestHash(backup)
  const sums = await readFile(join(path, sumsName), 'utf8').catch(() => '')
  if (sums.split('\n').includes(`${hash}  ${manifestName}`)) return hash
  throw new DwhError(
    'INPUT_BROKEN',
    `${name}/${sumsName} says another hash of ${manifestName}; nothing was changed`,
    { hint: 'fetch both files again, or take another backup; see: dwh backup list' },
  )
}

const isChosen = ({ backup_oid }: RestoredLeaf, chosen: ChosenLeaf[]) =>
  chosen.some(({ table }) => table.oid === backup_oid)

/** What a leaf is called while it lies beside the table, and what the one is that it has replaced. */
export const asideName = ({ batch }: Pick<LeavesPlan, 'batch'>, leaf: string) =>
  fitName(leaf, `_restore_${batch}`)
export const keptName = ({ batch }: Pick<LeavesPlan, 'batch'>, leaf: string) =>
  fitName(leaf, `_before_restore_${batch}`)

/**
 * The leaf with the same bound.
 *
 * @throws DwhError TARGET_UNFIT where others hold some of its dates
 */
function findTwin(
  { partition: policy }: PartitionedDataset,
  leaves: Leaf[],
  { range, dates, table }: ChosenLeaf,
): Leaf | undefined {
  const twin = leaves.find((leaf) => JSON.stringify(leaf.range) === JSON.stringify(range))
  if (twin || !dates) return twin
  const others = leaves.filter((leaf) => {
    if (!leaf.range) return false
    const own = datesOf(policy, leaf.range)
    return own.from.toString() < dates.until.toString() && dates.from.toString() < own.until.toString()
  })
  if (others.length === 0) return undefined
  throw new DwhError(
    'TARGET_UNFIT',
    `${shown(table)} of the backup holds ${dates.from} to ${dates.until}, which ${others.map(shown).join(', ')} hold${others.length === 1 ? 's' : ''} in other parts now; nothing was changed`,
    { hint: 'restore the backup beside, and copy the rows: dwh restore BACKUP --into NAME' },
  )
}

/** @throws DwhError TARGET_UNFIT naming all that would be lost with a leaf */
async function requireFree(session: Session, twin: Leaf): Promise<void> {
  if (twin.detachPending)
    throw new DwhError('TARGET_UNFIT', `${shown(twin)} was left half detached; nothing was changed`, {
      hint: 'ALTER TABLE … DETACH PARTITION … FINALIZE ends an interrupted detach',
    })
  const hangers = await session.rows<{ hanger: string }>(sql('restore/leaf_hangers'), [twin.oid])
  if (hangers.length === 0) return
  throw new DwhError(
    'TARGET_UNFIT',
    `on ${shown(twin)} hang what another leaf cannot have: ${hangers.map(({ hanger }) => hanger).join('; ')}; nothing was changed`,
    {
      hint: 'drop them, and make them again afterwards; or restore the backup beside: dwh restore BACKUP --into NAME',
    },
  )
}

/** @throws DwhError TARGET_UNFIT where its name is taken, ROWS_UNFIT where the DEFAULT partition has rows of its */
async function requireRoomFor(
  session: Session,
  parent: number,
  { table, range, dates }: ChosenLeaf,
  leaves: Leaf[],
  policy: Policy,
): Promise<void> {
  if ((await isAttached(session, parent, table)) && dates) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(leaves.find(({ name }) => name === table.name) ?? table)} is a leaf of other dates now; nothing was changed`,
      { hint: 'rename it, and run the same command again' },
    )
  }
  const fallback = leaves.find((leaf) => leaf.range === undefined)
  if (!fallback || !range) return
  // ATTACH would find them too, but under its lock, when everything has been restored.
  const { has } = await session.one<{ has: boolean }>(
    `SELECT EXISTS (SELECT FROM ONLY ${relation(fallback)} WHERE ${rangeCondition(policy, range)}) AS has`,
  )
  if (!has) return
  throw new DwhError(
    'ROWS_UNFIT',
    `${shown(fallback)} holds rows that belong into ${shown(table)}; nothing was changed`,
    { hint: `move them out of it, and run the same command again: WHERE ${rangeCondition(policy, range)}` },
  )
}

/** The names that COPY lists; their types are judged by the rows. */
async function requireSameColumns(
  session: Session,
  parent: number,
  { backup, dataset }: LeavesWishes,
  chosen: ChosenLeaf[],
): Promise<void> {
  const columns = (await readTableColumns(session, parent)).filter(({ generated }) => !generated)
  const now = columns.map(({ name }) => name)
  for (const { table } of chosen) {
    const gone = table.columns.filter((name) => !now.includes(name))
    const added = now.filter((name) => !table.columns.includes(name))
    if (gone.length + added.length === 0) continue
    const told = [
      ...(gone.length > 0 ? [`${gone.join(', ')} of ${shown(table)} are not there any more`] : []),
      ...(added.length > 0 ? [`${added.join(', ')} have come since`] : []),
    ]
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(dataset.target)} has other columns than in ${backup.name}: ${told.join('; ')}; nothing was changed`,
      {
        hint: `restore it beside, and copy the rows: dwh restore ${backup.name} --into NAME; or give the table those columns for as long as it takes`,
      },
    )
  }
}

/** Only the files of these leaves are read. */
async function verifyFiles(
  { folder, backup }: LeavesWishes,
  work: Work,
  chosen: ChosenLeaf[],
): Promise<void> {
  const total = chosen.reduce((sum, { table }) => sum + table.bytes, 0)
  let done = 0
  for (const { table } of chosen) {
    await verifyFile(folder, backup.manifest, table, work.signal)
    done += table.bytes
    work.emit({ type: 'progress', step: 'verify', done, total, unit: 'bytes' })
  }
}

async function verifyFile(
  folder: BackupFolder,
  manifest: Manifest,
  table: BackedUpTable,
  signal: AbortSignal,
): Promise<void> {
  const { path, digest } = dataFile(manifest, table)
  const found = await digestFile(join(folder.path, path), signal).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (digest && found?.bytes === digest.bytes && found.sha256 === digest.sha256) return
  throw new DwhError(
    'INPUT_BROKEN',
    `${path}, the rows of ${shown(table)}, ${found ? 'is not what was backed up' : 'is not there'}; nothing was changed`,
    { hint: 'fetch the file again, or take another backup; see: dwh backup list' },
  )
}

function missing({ backup, dataset }: LeavesWishes): DwhError {
  return new DwhError(
    'TARGET_UNFIT',
    `there is no table ${shown(dataset.target)} that leaves could be attached to; nothing was changed`,
    {
      hint: `restore the backup beside: dwh restore ${backup.name} --into NAME, then pg_dump --table=${relation(dataset.target)} NAME | psql; or make the table with its migration (dwh migrate up), and run the same command again`,
    },
  )
}

function plain({ backup, dataset }: LeavesWishes): DwhError {
  return new DwhError(
    'TARGET_UNFIT',
    `${shown(dataset.target)} is a plain table: only leaves are restored one by one; nothing was changed`,
    { hint: `restore the backup beside, and copy the table: dwh restore ${backup.name} --into NAME` },
  )
}

function notInBackup({ backup, dataset }: LeavesWishes): DwhError {
  const isPlain = backup.manifest.tables.some(
    ({ schema, name }) => schema === dataset.target.schema && name === dataset.target.name,
  )
  return new DwhError(
    'USAGE',
    `${backup.name} has ${isPlain ? `${shown(dataset.target)} as a plain table, without leaves` : `no leaf of ${shown(dataset.target)}`}; nothing was changed`,
    { hint: 'see: dwh backup list' },
  )
}
