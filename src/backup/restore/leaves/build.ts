import { DwhError } from '../../../errors.ts'
import type { Work } from '../../../events.ts'
import type { Lease } from '../../../ledger/lease.ts'
import { advanceRestoredLeaf, type IndexNames, openRestoredLeaf } from '../../../ledger/restored-leaves.ts'
import { rangeCondition } from '../../../partitions/bounds.ts'
import { completeLeaf, indexFurniture } from '../../../partitions/complete-leaf.ts'
import { readFurniture } from '../../../partitions/create.ts'
import { readIndexes, type TableIndex } from '../../../partitions/indexes.ts'
import { leafIndexName, standaloneLeafStatements } from '../../../partitions/leaf-sql.ts'
import type { Crew } from '../../../postgres/crew.ts'
import { boundName, fitName, type RelationName, relation, shown } from '../../../postgres/identifiers.ts'
import { findOid } from '../../../postgres/relations.ts'
import type { Session } from '../../../postgres/session.ts'
import { sql } from '../../../postgres/sql-files.ts'
import { hasState, hasStateClass, sqlstate } from '../../../postgres/sqlstate.ts'
import { inTransaction } from '../../../postgres/transaction.ts'
import type { BackedUpTable } from '../../manifest.ts'
import { type Compared, canCompare, compareTable, requireEqual } from '../compare.ts'
import { copyTable } from '../data.ts'
import { asideName, type LeavesPlan, type PlannedRestore } from './plan.ts'

/** A leaf that lies beside the table with its rows, indexes and foreign keys, proved. */
export interface BuiltLeaf {
  planned: PlannedRestore
  /** Its number in the ledger. */
  leaf: number
  aside: RelationName
  /** Of the aside. */
  oid: number
  indexes: IndexNames[]
  rows: number
  certainty: Compared['certainty']
  resumed: boolean
}

/**
 * Restores leaves beside their table. Each is made, filled and proved in steps that the ledger knows: what an earlier attempt
 * has finished is not done again.
 *
 * Locks: none that anybody would notice.
 *
 * @throws DwhError PROOF_FAILED, INPUT_BROKEN, TARGET_UNFIT; no leaf of the table was touched
 */
export async function buildLeaves(
  session: Session,
  crew: Crew,
  work: Work,
  lease: Lease,
  plan: LeavesPlan,
  run: number,
): Promise<BuiltLeaf[]> {
  const hashes = await canCompare(session, plan.wishes.backup.manifest)
  if (!hashes)
    work.emit({
      type: 'warning',
      message: 'hashes of this server cannot be compared with those of the backup: rows are counted only',
    })
  const built: BuiltLeaf[] = []
  const total = plan.leaves.reduce((sum, { table }) => sum + table.bytes, 0)
  let done = 0
  // The largest first: the last ones to end are small.
  const ordered = plan.leaves.toSorted((a, b) => b.table.bytes - a.table.bytes)
  await crew.each(ordered, async (worker, planned) => {
    built.push(await buildLeaf(worker, work, lease, plan, planned, { run, hashes }))
    done += planned.table.bytes
    work.emit({ type: 'progress', step: 'leaves', done, total, unit: 'bytes' })
  })
  return plan.leaves.flatMap((planned) => built.find((one) => one.planned === planned) ?? [])
}

async function buildLeaf(
  session: Session,
  work: Work,
  lease: Lease,
  plan: LeavesPlan,
  planned: PlannedRestore,
  { run, hashes }: { run: number; hashes: boolean },
): Promise<BuiltLeaf> {
  const { resumed, table } = planned
  const { schema } = plan.parent
  const aside = { schema, name: resumed?.aside_name ?? asideName(plan, planned.name) }
  const begun = resumed
    ? { leaf: resumed.leaf, oid: resumed.aside_oid }
    : await create(session, plan, planned, aside, run)
  if (resumed) await requireOurs(session, aside, resumed.aside_oid)
  const { leaf, oid } = begun
  const state = resumed?.state ?? 'created'
  if (state === 'created') {
    await inTransaction(session, async () => {
      const { folder, backup } = plan.wishes
      const rows = await copy(work, plan, () =>
        copyTable(session, work, { folder: folder.path, manifest: backup.manifest, table, into: aside }),
      )
      await advanceRestoredLeaf(session, leaf, 'filled', { rows })
      await lease.check(session)
    })
  }
  const like = await readIndexes(session, planned.twin?.oid ?? plan.parent.oid)
  const indexes = state === 'proved' && resumed ? resumed.indexes : indexNames(plan, planned, like)
  if (state === 'proved')
    return {
      planned,
      leaf,
      aside,
      oid,
      indexes,
      rows: resumed?.rows ?? 0,
      certainty: certaintyOf(table, hashes),
      resumed: true,
    }
  const compared = await compareTable(session, table, oid, hashes, relation(aside))
  requireEqual([compared], plan.wishes.backup.name)
  await complete(session, plan, planned, aside, indexes, like, work.signal)
  await advanceRestoredLeaf(session, leaf, 'proved', { indexes, rows: compared.rows ?? 0 })
  const { certainty, rows } = compared
  return { planned, leaf, aside, oid, indexes, rows: rows ?? 0, certainty, resumed: resumed !== undefined }
}

/** The table and what the ledger says of it come together: none is there that nobody knows of. */
async function create(
  session: Session,
  plan: LeavesPlan,
  { twin, table, bound, name }: PlannedRestore,
  aside: RelationName,
  run: number,
): Promise<{ leaf: number; oid: number }> {
  const { dataset, backup } = plan.wishes
  const like = twin ?? plan.parent
  // Of a leaf its own: its owner, privileges and storage are those that it had, not its parent's.
  const furniture = await readFurniture(session, like.oid, dataset)
  return inTransaction(session, async () => {
    for (const statement of standaloneLeafStatements(like, aside, furniture, { indexes: false }))
      await session.run(statement)
    const oid = await findOid(session, aside)
    if (oid === undefined) throw new DwhError('FAILED', `${shown(aside)} is not there after it was made`)
    const leaf = await openRestoredLeaf(session, {
      ...{ run, batch: plan.batch, dataset: dataset.name, table: plan.parent, bound, leaf_name: name },
      ...{ backup: backup.name, manifest: plan.manifest, backup_oid: table.oid },
      ...{ aside_name: aside.name, aside_oid: oid },
    })
    return { leaf, oid }
  })
}

/** What a COPY refuses can be a type that has changed, or a constraint that has come, since the backup. */
async function copy<T>(work: Work, { parent, wishes }: LeavesPlan, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    work.signal.throwIfAborted()
    // A value that its type does not take, or a constraint.
    if (!hasStateClass(error, '22', '23')) throw error
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(parent)} does not take what ${wishes.backup.name} has: ${error instanceof Error ? error.message : error}; no leaf of it was touched`,
      {
        cause: error,
        hint: `its columns or checks have changed since: restore it beside, and copy the rows: dwh restore ${wishes.backup.name} --into NAME`,
      },
    )
  }
}

function indexNames(plan: LeavesPlan, { name, twin }: PlannedRestore, like: TableIndex[]): IndexNames[] {
  const { schema, name: parent } = plan.parent
  return like.map((index) => {
    const live = twin ? index.name : leafIndexName({ schema, name }, index, { schema, name: parent })
    return {
      live,
      aside: fitName(live, `_r${plan.batch}`),
      kept: twin ? fitName(live, `_b${plan.batch}`) : null,
    }
  })
}

async function complete(
  session: Session,
  plan: LeavesPlan,
  { range, twin }: PlannedRestore,
  aside: RelationName,
  names: IndexNames[],
  like: TableIndex[],
  signal: AbortSignal,
): Promise<void> {
  const indexes = like.map((index, n) => ({ name: (names[n] as IndexNames).aside, like: index }))
  const condition = range
    ? rangeCondition(plan.wishes.dataset.partition, range)
    : twin && (await session.one<{ condition: string | null }>(sql('restore/bound'), [twin.oid])).condition
  try {
    await completeLeaf(session, aside, {
      bound: condition ? { name: boundName(aside.name), condition } : undefined,
      indexes,
      foreignKeys: await session.rows(sql('load/foreign_keys'), [plan.parent.oid]),
      signal,
    })
    for (const { name, like } of indexes)
      for (const statement of indexFurniture(aside, name, like)) await session.run(statement)
  } catch (error) {
    if (!hasState(error, sqlstate.foreignKeyViolation, sqlstate.checkViolation)) throw error
    const isKey = hasState(error, sqlstate.foreignKeyViolation)
    throw new DwhError(
      'ROWS_UNFIT',
      `${shown(aside)}, restored beside, has rows that ${isKey ? 'refer to what is not there any more' : 'belong into other leaves now'}: ${error instanceof Error ? error.message : error}; no leaf of ${shown(plan.parent)} was touched`,
      {
        cause: error,
        hint: isKey
          ? 'bring back what they refer to, and run the same command again: it resumes'
          : 'move them by hand: they lie there; or give it up with --anew',
      },
    )
  }
}

/** @throws DwhError TARGET_UNFIT where somebody has changed what an earlier attempt has left */
async function requireOurs(session: Session, aside: RelationName, oid: number): Promise<void> {
  if ((await findOid(session, aside)) === oid) return
  throw new DwhError(
    'TARGET_UNFIT',
    `${shown(aside)}, which an earlier attempt has made, is not there any more or is another table; no leaf was touched`,
    { hint: 'begin anew with --anew' },
  )
}

function certaintyOf({ hash_1: hash }: BackedUpTable, hashes: boolean): Compared['certainty'] {
  return hash === null ? 'none' : hashes ? 'hash' : 'count'
}
