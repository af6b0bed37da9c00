import { readFurniture } from '../../partitions/create.ts'
import { createLeafStatements } from '../../partitions/leaf-sql.ts'
import type { Leaf } from '../../partitions/tree.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Policy } from '../../warehouse/schema.ts'
import type { LoadTarget } from '../target.ts'
import { keepLeaf } from './former-leaf.ts'
import { hungLeaves, occupiedLeaves, type ReadyLeaf } from './ready-leaf.ts'
import type { Territory } from './territory.ts'

/** A load that may empty leaves of its target. */
interface Emptying {
  target: LoadTarget
  territory: Territory | undefined
  /** What it replaces is kept: a leaf that goes whole needs no copy. */
  empties?: boolean | undefined
  /** What has arrived. */
  leaves: Pick<ReadyLeaf, 'twin'>[]
}

/** Leaves of the target that may give way whole and that no row of the input goes to, as the target was when it was read. */
export function mayBeEmptied({ target, territory, empties, leaves }: Emptying): Leaf[] {
  if (!empties || !territory || target.obstacles.length > 0 || !target.isAligned) return []
  const filled = new Set(leaves.flatMap(({ twin }) => (twin ? [twin.oid] : [])))
  return (target.leaves ?? []).filter(
    ({ oid, range }) => range && territory.covers(range) && !filled.has(oid),
  )
}

/**
 * The same under the locks: those that hold rows, and that nobody would miss. They are exchanged for empty ones: rows that are
 * deleted would have to be written elsewhere first, and leave their room behind.
 */
export async function findEmptied(
  session: Session,
  arrived: Emptying,
  destinations: { twin: Leaf | undefined }[],
  touched: Leaf[] | undefined,
): Promise<Leaf[]> {
  const known = new Set(mayBeEmptied(arrived).map(({ oid }) => oid))
  const filled = new Set(destinations.flatMap(({ twin }) => (twin ? [twin.oid] : [])))
  const wanted = (touched ?? []).filter(
    ({ oid, detachPending }) => known.has(oid) && !filled.has(oid) && !detachPending,
  )
  if (wanted.length === 0) return []
  const obstacles = await session.rows(sql('load/rebuild_obstacles'), [arrived.target.oid])
  if (obstacles.length > 0) return []
  const hung = await hungLeaves(
    session,
    wanted.map((twin) => ({ twin })),
  )
  const occupied = await occupiedLeaves(session, { leaves: wanted })
  return wanted.filter(({ oid }) => occupied.has(oid) && !hung.has(oid))
}

/** Under ACCESS EXCLUSIVE on the target and these leaves. */
export async function exchangeForEmpty(
  session: Session,
  { dataset, oid }: LoadTarget,
  leaves: Leaf[],
  kept: Map<number, RelationName>,
): Promise<void> {
  const parent = dataset.target
  for (const leaf of leaves) {
    const former = kept.get(leaf.oid)
    if (!former || !leaf.range) continue
    const indexes = await session.rows<{ of: string; name: string }>(sql('load/leaf_indexes'), [leaf.oid])
    await session.run(`ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(leaf)}`)
    await keepLeaf(session, leaf, former, new Map(indexes.map(({ of, name }) => [of, name])), parent)
    const fresh = { schema: leaf.schema, name: leaf.name, range: leaf.range }
    const furniture = await readFurniture(session, oid, dataset)
    for (const statement of createLeafStatements(parent, dataset.partition as Policy, fresh, furniture))
      await session.run(statement)
  }
}
