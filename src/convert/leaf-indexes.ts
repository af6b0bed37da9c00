import type { Work } from '../events.ts'
import { type LeafIndexStatements, leafIndexStatements } from '../partitions/indexes.ts'
import { leafIndexName } from '../partitions/leaf-sql.ts'
import type { PlannedLeaf } from '../partitions/plan.ts'
import type { Crew } from '../postgres/crew.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { type ParentIndex, shadowIndexName } from './indexes.ts'
import type { ConversionPlan } from './plan.ts'

/** One index on one leaf: how it is built, made a constraint, and adopted by the parent's. */
export interface LeafIndex extends LeafIndexStatements {
  name: string
  adopt: string
}

/**
 * Every index of every leaf. Built after the rows are in, leaf by leaf, it costs a sort instead of a descent a row.
 *
 * Locks: SHARE on the leaf (build), ACCESS EXCLUSIVE on the leaf and its parent in the shadow (promote, adopt).
 */
export function leafIndexes(plan: ConversionPlan): LeafIndex[] {
  return plan.leaves.flatMap((leaf) => plan.indexes.map((index) => leafIndex(plan, leaf, index)))
}

function leafIndex({ table, shadow }: ConversionPlan, leaf: PlannedLeaf, index: ParentIndex): LeafIndex {
  const name = leafIndexName(leaf, index, table)
  // A definition carried over says NULLS NOT DISTINCT in its tail; one made for a wider key does not yet.
  const nulls =
    index.nullsNotDistinct && !index.tail.includes('NULLS NOT DISTINCT') ? ' NULLS NOT DISTINCT' : ''
  const constraints = { 'primary key': 'PRIMARY KEY', 'unique constraint': 'UNIQUE' } as const
  return {
    name,
    ...leafIndexStatements(leaf, name, {
      isUnique: index.kind !== 'index',
      constraint: constraints[index.kind as keyof typeof constraints],
      tail: `${index.tail}${nulls}`,
      tablespace: index.tablespace,
    }),
    adopt:
      `ALTER INDEX ${relation({ schema: shadow.schema, name: shadowIndexName(index) })} ` +
      `ATTACH PARTITION ${relation({ schema: leaf.schema, name })}`,
  }
}

/**
 * Builds the indexes of the leaves on a crew's connections; what a killed run left built is kept.
 *
 * @returns how many there are
 */
export async function buildLeafIndexes(
  session: Session,
  crew: Crew,
  work: Work,
  plan: ConversionPlan,
  step: string,
): Promise<number> {
  const indexes = leafIndexes(plan)
  const built = await session.rows<{ name: string }>(
    'SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace ' +
      "WHERE n.nspname = $1 AND c.relkind = 'i' AND c.relname = ANY ($2)",
    [plan.shadow.schema, indexes.map(({ name }) => name)],
  )
  const there = new Set(built.map(({ name }) => name))
  let done = 0
  await crew.each(indexes, async (worker, index) => {
    if (!there.has(index.name)) await worker.run(index.build)
    done += 1
    work.emit({ type: 'progress', step, done, total: indexes.length, unit: 'indexes' })
  })
  return indexes.length
}
