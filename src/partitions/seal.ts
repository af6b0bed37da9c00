import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import {
  closeSeal,
  keepEvidence,
  openSeal,
  readSeals,
  renewSeal,
  type Seal,
  sealTriggers,
} from '../ledger/seals.ts'
import { ident, literal, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import { findOid } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { datesOf } from './bounds.ts'
import { isAttached, type PartitionedDataset } from './create.ts'
import { namedLeaf } from './sealed.ts'
import { inspectTarget, type Leaf } from './tree.ts'

/** Leaves by their names, or those whose dates all lie before one. */
export type LeafChoice = { names: string[] } | { before: Temporal.PlainDate }

/** What `dwh partitions seal` would do. */
export interface SealPlan {
  dataset: PartitionedDataset
  /** The oid of the table. */
  parent: number
  /** Leaves to seal, each with the seal that it has and that does not hold. */
  leaves: (Leaf & { void: Seal | undefined })[]
  /** Leaves that are sealed already. */
  sealed: RelationName[]
}

/** A leaf with the seal that it has got. */
export interface NewlySealed extends RelationName {
  seal: string
}

/**
 * The leaves that are asked for, each once; reads only.
 *
 * @returns with the oid of their table
 * @throws DwhError TARGET_UNFIT for a table without leaves; USAGE for a name that is none
 */
export async function chooseLeaves(
  session: Session,
  { name: dataset, target: name, partition: policy }: PartitionedDataset,
  choice: LeafChoice,
): Promise<{ parent: number; leaves: Leaf[] }> {
  const target = await inspectTarget(session, name, policy)
  if (target.kind !== 'partitioned') {
    throw new DwhError('TARGET_UNFIT', `${shown(name)} is ${target.kind}: only leaves can be sealed`, {
      hint: 'dwh setup makes a partitioned table of it',
    })
  }
  const isBefore = ({ range }: Leaf, date: Temporal.PlainDate) =>
    range !== undefined && Temporal.PlainDate.compare(datesOf(policy, range).until, date) <= 0
  const chosen =
    'names' in choice
      ? choice.names.map((one) => namedLeaf(dataset, target.leaves, one))
      : target.leaves.filter((leaf) => isBefore(leaf, choice.before))
  return { parent: target.oid, leaves: [...new Set(chosen)] }
}

/**
 * Compares the leaves that are asked for with the seals that are there; reads only.
 *
 * @throws DwhError TARGET_UNFIT for a table without leaves, and a leaf whose rows may change by themselves; USAGE for a
 *   name that is none
 */
export async function planSeal(
  session: Session,
  dataset: PartitionedDataset,
  choice: LeafChoice,
): Promise<SealPlan> {
  const { parent, leaves } = await chooseLeaves(session, dataset, choice)
  const seals = await readSeals(session)
  const plan: SealPlan = { dataset, parent, leaves: [], sealed: [] }
  for (const leaf of leaves) {
    const own = seals.filter((seal) => seal.leaf === leaf.oid)
    if (own.some(({ state }) => state === 'sealed')) plan.sealed.push(leaf)
    else plan.leaves.push({ ...leaf, void: own[0] })
  }
  for (const leaf of plan.leaves) refuseUnfit(leaf)
  return plan
}

/** @throws DwhError TARGET_UNFIT for a leaf that cannot be sealed */
export function refuseUnfit({ keepsRows, detachPending, ...leaf }: Leaf): void {
  const refuse = (why: string, hint: string) => {
    throw new DwhError('TARGET_UNFIT', `${shown(leaf)} ${why}; nothing was changed`, { hint })
  }
  if (!keepsRows)
    refuse('is a foreign table or unlogged: its rows may change without a write', 'leave it out')
  if (detachPending)
    refuse('was left half detached', 'ALTER TABLE … DETACH PARTITION … FINALIZE ends an interrupted detach')
}

/**
 * Seals leaves, each in its own transaction under the lock ladder: whoever has written into a leaf is waited for, readers
 * go on. A leaf that another run has sealed since the plan is left as it is.
 *
 * Locks: SHARE ROW EXCLUSIVE on one leaf after the other.
 *
 * @returns those that were sealed
 * @throws DwhError LOCK_HELD, TARGET_UNFIT; the leaves before it stay sealed
 */
export async function sealLeaves(
  session: Session,
  work: Work,
  plan: SealPlan,
  by: { run: number; warehouse: string },
): Promise<NewlySealed[]> {
  const done: NewlySealed[] = []
  const total = plan.leaves.length
  await step(work, 'seal', async () => {
    for (const [index, leaf] of plan.leaves.entries()) {
      work.signal.throwIfAborted()
      const uuid = await climbInTransaction(session, work, { relations: [leaf] }, () =>
        seal(session, plan, leaf, by),
      )
      if (uuid) done.push({ schema: leaf.schema, name: leaf.name, seal: uuid })
      work.emit({ type: 'progress', step: 'seal', done: index + 1, total, unit: 'leaves' })
    }
  })
  return done
}

/** A leaf that has been restored, and the seal that it had when it was backed up. */
export interface RestoredLeaf extends RelationName {
  oid: number
  seal: string
}

/**
 * Seals restored leaves again, each under a seal of its own: the evidence of the old ones is of another database. A seal that
 * the ledger does not know is not renewed.
 *
 * Locks: SHARE ROW EXCLUSIVE on one leaf after the other.
 *
 * @returns those that were sealed
 */
export async function resealLeaves(
  session: Session,
  work: Work,
  leaves: RestoredLeaf[],
): Promise<NewlySealed[]> {
  const done: NewlySealed[] = []
  for (const leaf of leaves) {
    await climbInTransaction(session, work, { relations: [leaf] }, async () => {
      const sealed = await resealLeaf(session, leaf, 'the database was restored')
      if (sealed) done.push(sealed)
    })
  }
  return done
}

/**
 * As `resealLeaves`, of one leaf and in the transaction of the caller.
 *
 * @param why the old seal does not hold
 */
export async function resealLeaf(
  session: Session,
  { schema, name, oid, seal }: RestoredLeaf,
  why: string,
): Promise<NewlySealed | undefined> {
  const leaf = { schema, name }
  await session.run(`LOCK TABLE ONLY ${relation(leaf)} IN SHARE ROW EXCLUSIVE MODE`)
  const renewed = await renewSeal(session, seal, oid)
  if (!renewed) return undefined
  await closeSeal(session, { seal, state: 'void', why })
  for (const statement of sealStatements(leaf, renewed.dataset, renewed.seal)) await session.run(statement)
  await keepEvidence(session, oid, renewed.seal)
  return { ...leaf, seal: renewed.seal }
}

/** @returns undefined where it is sealed already */
async function seal(
  session: Session,
  { dataset: { name: dataset, target: table }, parent }: SealPlan,
  leaf: Leaf,
  by: { run: number; warehouse: string },
): Promise<string | undefined> {
  // What CREATE TRIGGER takes in any case, taken first: of two who seal the same leaf the second finds it sealed.
  await session.run(`LOCK TABLE ONLY ${relation(leaf)} IN SHARE ROW EXCLUSIVE MODE`)
  await requireSame(session, parent, leaf)
  const there = await readSeals(session, [leaf.oid])
  if (there.some(({ state }) => state === 'sealed')) return undefined
  for (const one of there) await closeSeal(session, one)
  const uuid = await openSeal(session, { ...by, dataset, table, leaf })
  for (const statement of sealStatements(leaf, dataset, uuid)) await session.run(statement)
  await keepEvidence(session, leaf.oid, uuid)
  return uuid
}

/** Both triggers fire under session_replication_role = replica too. What is there of an earlier seal is replaced. */
function sealStatements(leaf: RelationName, dataset: string, uuid: string): string[] {
  const table = relation(leaf)
  const call = `EXECUTE FUNCTION dwh.refuse_sealed(${literal(dataset)}, ${literal(uuid)})`
  const [rows, truncate] = [ident(sealTriggers.rows), ident(sealTriggers.truncate)]
  return [
    // A statement trigger of a leaf does not fire for what is written through its parent.
    `CREATE OR REPLACE TRIGGER ${rows} BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW ${call}`,
    `CREATE OR REPLACE TRIGGER ${truncate} BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT ${call}`,
    `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${rows}, ENABLE ALWAYS TRIGGER ${truncate}`,
  ]
}

/** @throws DwhError TARGET_UNFIT where the name belongs to another table since the plan */
async function requireSame(session: Session, parent: number, leaf: Leaf): Promise<void> {
  if ((await isAttached(session, parent, leaf)) && (await findOid(session, leaf)) === leaf.oid) return
  throw new DwhError('TARGET_UNFIT', `${shown(leaf)} is another table than it was; it was left alone`, {
    hint: 'run the same command again',
  })
}
