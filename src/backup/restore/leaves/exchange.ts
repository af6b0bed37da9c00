import { DwhError } from '../../../errors.ts'
import type { Work } from '../../../events.ts'
import type { Lease } from '../../../ledger/lease.ts'
import { advanceRestoredLeaf, type IndexNames } from '../../../ledger/restored-leaves.ts'
import { forValues, type Range } from '../../../partitions/bounds.ts'
import type { PartitionedDataset } from '../../../partitions/create.ts'
import { resealLeaf } from '../../../partitions/seal.ts'
import { inspectTarget, type Leaf } from '../../../partitions/tree.ts'
import { boundName, ident, type RelationName, relation, shown } from '../../../postgres/identifiers.ts'
import { climbInTransaction } from '../../../postgres/ladder.ts'
import { findOid } from '../../../postgres/relations.ts'
import type { Session } from '../../../postgres/session.ts'
import { sql } from '../../../postgres/sql-files.ts'
import type { BuiltLeaf } from './build.ts'
import { keptName, type LeavesPlan } from './plan.ts'

/** A table that leaves its place among the leaves, and what it is called then. */
interface Leaving {
  oid: number
  to: string
}

/** A table that takes its place. */
interface Coming {
  oid: number
  from: string
  /** The seal that the leaf had. */
  seal: string | undefined
}

/** One leaf of a table that is exchanged, or only taken away, or only put in. */
export interface Swap {
  /** Undefined for the DEFAULT partition. */
  range: Range | undefined
  /** What the leaf is called in the table, before and after. */
  name: string
  leaving: Leaving | undefined
  coming: Coming | undefined
  indexes: { live: string; left: string | null; came: string | null }[]
  /** Of the ledger. */
  leaf: number
  becomes: 'attached' | 'undone'
}

export interface ExchangeOrder {
  dataset: PartitionedDataset
  parent: RelationName & { oid: number }
  swaps: Swap[]
  /** What becomes of seals, in words that follow `its seal does not hold: `. */
  why: string
}

/** Leaves of one transaction: each takes some ten locks, of which a server has thousands. */
const leavesAtOnce = 200

/** Puts restored leaves in the place of what was there. What is there of them already is left as it is. */
export function exchangeOrder(plan: LeavesPlan, built: BuiltLeaf[]): ExchangeOrder {
  const swaps = built.map(({ planned, leaf, aside, oid, indexes }): Swap => {
    const { twin, range, name, seal } = planned
    return {
      ...{ range, name, leaf, becomes: 'attached' },
      leaving: twin && { oid: twin.oid, to: keptName(plan, name) },
      coming: { oid, from: aside.name, seal },
      indexes: indexes.map(({ live, aside: came, kept: left }) => ({ live, left, came })),
    }
  })
  return { dataset: plan.wishes.dataset, parent: plan.parent, swaps, why: 'the leaf was restored' }
}

/**
 * Exchanges leaves: in one transaction, or of very many in several, and each leaf whole. Readers and writers of the table wait
 * for the moment that it takes.
 *
 * Locks: ACCESS EXCLUSIVE on the table and on these leaves, SHARE ROW EXCLUSIVE on what its foreign keys refer to.
 *
 * @throws DwhError LOCK_HELD; TARGET_UNFIT where somebody has changed a leaf since the plan. What was exchanged before stays
 */
export async function exchangeLeaves(
  session: Session,
  work: Work,
  lease: Lease,
  order: ExchangeOrder,
): Promise<void> {
  const referred = await session.rows<RelationName>(sql('restore/referred_tables'), [order.parent.oid])
  for (let at = 0; at < order.swaps.length; at += leavesAtOnce) {
    const swaps = order.swaps.slice(at, at + leavesAtOnce)
    await climbInTransaction(session, work, { relations: [order.parent] }, async () => {
      await lockAll(session, order.parent, swaps, referred)
      await requireSame(session, order, swaps)
      for (const swap of swaps) await exchange(session, order, swap)
      await lease.check(session)
      // The cancel of a Ctrl-C that comes between two statements cancels nothing.
      work.signal.throwIfAborted()
    })
  }
}

async function lockAll(
  session: Session,
  parent: RelationName,
  swaps: Swap[],
  referred: RelationName[],
): Promise<void> {
  const { schema } = parent
  if (referred.length > 0)
    await session.run(
      `LOCK TABLE ${referred.map((one) => `ONLY ${relation(one)}`).join(', ')} IN SHARE ROW EXCLUSIVE MODE`,
    )
  const leaves = swaps.flatMap(({ leaving, name }) => (leaving ? [{ schema, name }] : []))
  const tables = [parent, ...leaves].map((one) => `ONLY ${relation(one)}`)
  await session.run(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`)
}

/** What was planned is still so, told under the locks. */
async function requireSame(
  session: Session,
  { dataset, parent }: ExchangeOrder,
  swaps: Swap[],
): Promise<void> {
  const target = await inspectTarget(session, dataset.target, dataset.partition)
  const leaves: Leaf[] = target.kind === 'partitioned' && target.oid === parent.oid ? target.leaves : []
  for (const { name, range, leaving, coming } of swaps) {
    const there = leaves.find((leaf) => JSON.stringify(leaf.range) === JSON.stringify(range))
    if (there?.oid !== leaving?.oid || (leaving && there?.name !== name)) throw changed(parent, name)
    if (coming && (await findOid(session, { schema: parent.schema, name: coming.from })) !== coming.oid)
      throw changed(parent, coming.from)
  }
}

async function exchange(
  session: Session,
  { dataset, parent, why }: ExchangeOrder,
  swap: Swap,
): Promise<void> {
  const { schema } = parent
  const { name, range, leaving, coming, indexes } = swap
  const live = { schema, name }
  const renameIndex = (from: string, to: string) =>
    session.run(`ALTER INDEX ${relation({ schema, name: from })} RENAME TO ${ident(to)}`)
  if (leaving) {
    await session.run(`ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(live)}`)
    for (const { live: own, left } of indexes) if (left !== null) await renameIndex(own, left)
    await session.run(`ALTER TABLE ${relation(live)} RENAME TO ${ident(leaving.to)}`)
  }
  if (coming) {
    await session.run(`ALTER TABLE ${relation({ schema, name: coming.from })} RENAME TO ${ident(name)}`)
    for (const { live: own, came } of indexes) if (came !== null) await renameIndex(came, own)
    const clause = range ? forValues(dataset.partition, range) : 'DEFAULT'
    await session.run(`ALTER TABLE ${relation(parent)} ATTACH PARTITION ${relation(live)} ${clause}`)
    await session.run(
      `ALTER TABLE ${relation(live)} DROP CONSTRAINT IF EXISTS ${ident(boundName(coming.from))}`,
    )
    if (coming.seal !== undefined)
      await resealLeaf(session, { ...live, oid: coming.oid, seal: coming.seal }, why)
  }
  const kept = swap.becomes === 'attached' && leaving ? { name: leaving.to, oid: leaving.oid } : null
  await advanceRestoredLeaf(session, swap.leaf, swap.becomes, { kept })
}

function changed(parent: RelationName, name: string): DwhError {
  return new DwhError(
    'TARGET_UNFIT',
    `${shown({ ...parent, name })} is not what it was when the plan was made; it was left alone`,
    { hint: 'run the same command again: it looks anew, and resumes' },
  )
}

/** The names by which an index goes back and forth. */
export function backwards(indexes: IndexNames[], hasKept: boolean): Swap['indexes'] {
  return indexes.map(({ live, aside, kept }) => ({ live, left: aside, came: hasKept ? kept : null }))
}
