import { step, type Work } from '../events.ts'
import { closeSeal, readSeals, type Seal, sealTriggers } from '../ledger/seals.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import type { PartitionedDataset } from './create.ts'
import { isCalled, namedLeaf } from './sealed.ts'
import { inspectTarget } from './tree.ts'

/** What `dwh partitions unseal` would do. */
export interface UnsealPlan {
  seals: Seal[]
  /** Names of leaves that are not sealed. */
  open: string[]
}

/**
 * Finds the seals of a dataset: those of its leaves, and those of tables that were leaves of it; reads only.
 *
 * @param names of leaves, or of tables that were; all unless given
 * @throws DwhError USAGE for a name that is none
 */
export async function planUnseal(
  session: Session,
  { name: dataset, target: parent, partition }: PartitionedDataset,
  names?: string[],
): Promise<UnsealPlan> {
  const target = await inspectTarget(session, parent, partition)
  const leaves = target.kind === 'partitioned' ? target.leaves : []
  const isOurs = ({ leaf, table }: Seal) =>
    leaves.some(({ oid }) => oid === leaf) || (table?.schema === parent.schema && table.name === parent.name)
  const all = (await readSeals(session)).filter(isOurs)
  if (!names) return { seals: all, open: [] }
  const plan: UnsealPlan = { seals: [], open: [] }
  for (const name of new Set(names)) {
    const found = all.filter((seal) => isCalled(seal.name, name))
    plan.seals.push(...found)
    if (found.length === 0) plan.open.push(namedLeaf(dataset, leaves, name).name)
  }
  return plan
}

/**
 * Takes seals off, each in its own transaction under the lock ladder.
 *
 * Locks: ACCESS EXCLUSIVE on one leaf after the other, for the moment of a change of the catalogue.
 *
 * @throws DwhError LOCK_HELD; the leaves before it stay unsealed
 */
export async function unsealLeaves(
  session: Session,
  work: Work,
  { seals }: UnsealPlan,
): Promise<RelationName[]> {
  await step(work, 'unseal', async () => {
    for (const [index, seal] of seals.entries()) {
      work.signal.throwIfAborted()
      await climbInTransaction(session, work, { relations: [seal.name] }, () => unseal(session, seal))
      work.emit({ type: 'progress', step: 'unseal', done: index + 1, total: seals.length, unit: 'leaves' })
    }
  })
  return seals.map(({ name }) => name)
}

async function unseal(session: Session, seal: Seal): Promise<void> {
  if (!seal.exists) return closeSeal(session, seal)
  await session.run(`LOCK TABLE ONLY ${relation(seal.name)} IN ACCESS EXCLUSIVE MODE`)
  // Another run may have sealed it anew.
  for (const one of await readSeals(session, [seal.leaf])) await closeSeal(session, one)
  for (const trigger of Object.values(sealTriggers))
    await session.run(`DROP TRIGGER IF EXISTS ${ident(trigger)} ON ${relation(seal.name)}`)
}
