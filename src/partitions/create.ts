import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type ArchivedLeaf, listArchives } from '../ledger/archives.ts'
import { type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Policy } from '../warehouse/schema.ts'
import { parseForValues, type Range } from './bounds.ts'
import { createLeafStatements, type Furniture, withStorage } from './leaf-sql.ts'
import { type PlannedLeaf, planLeaves, type WantedSpan } from './plan.ts'
import { inspectTarget, serverToday } from './tree.ts'

/** A dataset that has a policy. */
export type PartitionedDataset = Dataset & { partition: Policy }

/** What `dwh partitions create` would do for one dataset. */
export interface LeafPlan {
  dataset: PartitionedDataset
  /** Undefined where the table is plain or missing: then nothing can be attached to it. */
  parent: { oid: number; name: RelationName } | undefined
  state: 'partitioned' | 'plain' | 'missing'
  leaves: PlannedLeaf[]
}

export function isPartitioned(dataset: Dataset): dataset is PartitionedDataset {
  return dataset.partition !== undefined
}

/**
 * Compares the policy with the leaves that are there; reads only.
 *
 * @param span leaves wanted beside those of the policy, for a backfill of older years
 */
export async function planDatasetLeaves(
  session: Session,
  dataset: PartitionedDataset,
  span?: WantedSpan,
): Promise<LeafPlan> {
  const { partition: policy, target: name } = dataset
  const target = await inspectTarget(session, name, policy)
  if (target.kind !== 'partitioned') return { dataset, parent: undefined, state: target.kind, leaves: [] }
  const today = await serverToday(session, policy.zone)
  if (span && Temporal.PlainDate.compare(span.until, policy.ceiling) > 0) {
    throw new DwhError('USAGE', `no leaf is made from the ceiling ${policy.ceiling} on`, {
      hint: 'raise `ceiling` in the policy',
    })
  }
  const planned = planLeaves(name, policy, target.leaves, today, span ? [span] : [])
  const leaves = withoutArchived(planned, await listArchives(session, name))
  return { dataset, parent: { oid: target.oid, name }, state: 'partitioned', leaves }
}

/** A leaf that lies in files is no gap: an empty one in its place would be in the way when it comes back. */
function withoutArchived(leaves: PlannedLeaf[], archives: ArchivedLeaf[]): PlannedLeaf[] {
  const archived = archives
    .filter(({ detached_at }) => detached_at)
    .map(({ bounds }) => parseForValues(bounds))
  const isSame = (one: Range, other: Range) =>
    one.from.join() === other.from.join() && one.to.join() === other.to.join()
  return leaves.filter(
    ({ range }) => !range || !archived.some((one) => typeof one === 'object' && isSame(one, range)),
  )
}

/**
 * Creates the planned leaves, each in its own transaction under the lock ladder. A leaf that another run has made since the
 * plan is left as it is.
 *
 * @param rungs milliseconds of lock timeout, attempt by attempt; those of the lock ladder unless said otherwise
 * @returns those that were created
 * @throws DwhError LOCK_HELD, TARGET_UNFIT when a name is taken; leaves before it stay
 */
export async function createLeaves(
  session: Session,
  work: Work,
  { parent, dataset, leaves }: LeafPlan,
  rungs?: readonly number[],
): Promise<PlannedLeaf[]> {
  const created: PlannedLeaf[] = []
  if (!parent) return created
  for (const [index, leaf] of leaves.entries()) {
    work.signal.throwIfAborted()
    await climbInTransaction(session, work, { relations: [parent.name], rungs }, async () => {
      // What ATTACH takes in any case, taken first: of two who create the same leaf the second finds it.
      await session.run(`LOCK TABLE ONLY ${relation(parent.name)} IN SHARE UPDATE EXCLUSIVE MODE`)
      if (await isAttached(session, parent.oid, leaf)) return
      const furniture = await readFurniture(session, parent.oid, dataset)
      for (const statement of createLeafStatements(parent.name, dataset.partition, leaf, furniture)) {
        await session.run(statement)
      }
      created.push(leaf)
    })
    work.emit({ type: 'progress', step: 'leaves', done: index + 1, total: leaves.length, unit: 'leaves' })
  }
  return created
}

/** What a new leaf of a dataset takes over. */
export async function readFurniture(
  session: Session,
  parent: number,
  { maintenance }: Dataset,
): Promise<Furniture> {
  const furniture = await session.one<Furniture>(sql('partitions/furniture'), [parent])
  return withStorage(furniture, maintenance.storage)
}

/** That of a leaf, which somebody else may have exchanged since it was found: undefined then. */
export async function furnitureOfLeaf(
  session: Session,
  leaf: number,
  { maintenance }: Dataset,
): Promise<Furniture | undefined> {
  const furniture = await session.row<Furniture>(sql('partitions/furniture'), [leaf])
  return furniture && withStorage(furniture, maintenance.storage)
}

/** @throws DwhError TARGET_UNFIT when the name of the leaf belongs to something else */
export async function isAttached(session: Session, parent: number, leaf: RelationName): Promise<boolean> {
  const found = await session.row<{ attached: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid AND i.inhparent = $2::bigint::oid) AS attached ' +
      'FROM pg_class AS c WHERE c.oid = to_regclass($1)',
    [relation(leaf), parent],
  )
  if (found && !found.attached) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(leaf)} exists, but is no leaf of the table; it was left alone`,
      {
        hint: 'rename or drop it, or attach it by hand, and run the same command again',
      },
    )
  }
  return found !== undefined
}
