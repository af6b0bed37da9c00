import { DwhError } from '../../../errors.ts'
import { step, type Work } from '../../../events.ts'
import { underLease } from '../../../ledger/lease.ts'
import {
  advanceRestoredLeaf,
  listRestoredLeaves,
  type RestoredLeaf,
} from '../../../ledger/restored-leaves.ts'
import { readSeals } from '../../../ledger/seals.ts'
import { parseForValues, rangeCondition } from '../../../partitions/bounds.ts'
import type { PartitionedDataset } from '../../../partitions/create.ts'
import { inspectTarget } from '../../../partitions/tree.ts'
import { boundName, ident, relation, shown } from '../../../postgres/identifiers.ts'
import { findOid } from '../../../postgres/relations.ts'
import type { Session } from '../../../postgres/session.ts'
import { inTransaction } from '../../../postgres/transaction.ts'
import { backwards, exchangeLeaves, type Swap } from './exchange.ts'
import { leaseOf } from './run.ts'

/** Leaves that were restored, and can be taken back or let go of. */
export interface Concludable {
  dataset: PartitionedDataset
  parent: { schema: string; name: string; oid: number }
  backup: string
  leaves: RestoredLeaf[]
}

/**
 * What --undo and --finish of a dataset are about: of --undo the newest restore that was exchanged, of --finish everything
 * that lies beside the table.
 *
 * @throws DwhError USAGE where there is nothing
 */
export async function findLeaves(
  session: Session,
  dataset: PartitionedDataset,
  verb: 'undo' | 'finish',
): Promise<Concludable> {
  const { target: name, partition } = dataset
  const target = await inspectTarget(session, name, partition)
  const all = target.kind === 'partitioned' ? await listRestoredLeaves(session, name) : []
  const attached = all.filter(({ state }) => state === 'attached')
  const leaves = verb === 'finish' ? all : attached.filter(({ batch }) => batch === attached[0]?.batch)
  const [first] = leaves
  if (target.kind !== 'partitioned' || !first) {
    throw new DwhError(
      'USAGE',
      `no leaf of ${shown(name)} was restored ${verb === 'undo' ? 'that could be taken back' : 'and left anything beside it'}; nothing was changed`,
      { hint: 'without a dataset, a restore of the whole database is meant' },
    )
  }
  return { dataset, parent: { ...name, oid: target.oid }, backup: first.backup, leaves }
}

/** What lies beside the table of a restored leaf now: of one that was attached to no place, nothing. */
export function besideName({ state, kept_name, aside_name }: RestoredLeaf): string | null {
  return state === 'attached' ? kept_name : aside_name
}

/**
 * Puts back what was kept; what was restored lies beside the table again, with whatever was written into it since.
 *
 * @throws DwhError LOCK_HELD, TARGET_UNFIT, ROWS_UNFIT
 */
export async function undoLeaves(
  session: Session,
  work: Work,
  { dataset, parent, leaves }: Concludable,
  run: number,
): Promise<void> {
  await underLease(session, work, leaseOf(parent), run, async (lease) => {
    const seals = await readSeals(session)
    await step(work, 'bounds', async () => {
      for (const leaf of leaves) await bindKept(session, dataset, leaf)
    })
    const swaps = leaves.map((leaf): Swap => {
      const { leaf_name: name, aside_name, aside_oid, kept_name: from, kept_oid: oid } = leaf
      const range = parseForValues(leaf.bound)
      return {
        ...{ range: range === 'default' ? undefined : range, name, leaf: leaf.leaf, becomes: 'undone' },
        leaving: { oid: aside_oid, to: aside_name },
        coming:
          from === null || oid === null
            ? undefined
            : { oid, from, seal: seals.find((seal) => seal.leaf === aside_oid)?.seal },
        indexes: backwards(leaf.indexes, from !== null),
      }
    })
    const why = 'the restore of the leaf was taken back'
    await step(work, 'exchange', () => exchangeLeaves(session, work, lease, { dataset, parent, swaps, why }))
  })
}

/** Before the exchange, so that ATTACH need not read it while everybody waits. */
async function bindKept(
  session: Session,
  { partition }: PartitionedDataset,
  { schema_name: schema, kept_name: name, kept_oid: oid, bound }: RestoredLeaf,
): Promise<void> {
  const range = parseForValues(bound)
  if (name === null || !range || range === 'default') return
  if ((await findOid(session, { schema, name })) !== oid) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown({ schema, name })}, which was kept, is not there any more or is another table; nothing was changed`,
      { hint: 'what was restored stays; see: dwh partitions list' },
    )
  }
  const [table, check] = [relation({ schema, name }), ident(boundName(name))]
  await session.run(
    `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${check}; ALTER TABLE ${table} ADD CONSTRAINT ${check} CHECK (${rangeCondition(partition, range)})`,
  )
}

/**
 * Drops what lies beside the table; there is no way back.
 *
 * Locks: ACCESS EXCLUSIVE on what is dropped, one after the other.
 *
 * @returns the names of what was dropped
 */
export async function finishLeaves(
  session: Session,
  work: Work,
  { parent, leaves }: Concludable,
  run: number,
): Promise<string[]> {
  return underLease(session, work, leaseOf(parent), run, async (lease) => {
    const dropped: string[] = []
    for (const leaf of leaves) {
      await inTransaction(session, async () => {
        const name = besideName(leaf)
        const oid = leaf.state === 'attached' ? leaf.kept_oid : leaf.aside_oid
        const beside = name === null ? undefined : { schema: parent.schema, name }
        if (beside && (await findOid(session, beside)) === oid) {
          await session.run(`DROP TABLE ${relation(beside)}`)
          dropped.push(shown(beside))
        }
        await advanceRestoredLeaf(session, leaf.leaf, 'ended')
        await lease.check(session)
      })
    }
    return dropped
  })
}
