import { DwhError, toDwhError } from '../../../errors.ts'
import { step, type Work } from '../../../events.ts'
import { underLease } from '../../../ledger/lease.ts'
import { advanceRestoredLeaf, type RestoredLeaf } from '../../../ledger/restored-leaves.ts'
import { Crew } from '../../../postgres/crew.ts'
import { type RelationName, relation, shown } from '../../../postgres/identifiers.ts'
import { findOid } from '../../../postgres/relations.ts'
import type { Session } from '../../../postgres/session.ts'
import { inTransaction } from '../../../postgres/transaction.ts'
import { type BuiltLeaf, buildLeaves } from './build.ts'
import { exchangeLeaves, exchangeOrder } from './exchange.ts'
import { keptName, type LeavesPlan } from './plan.ts'

export interface RestoredLeafResult {
  leaf: string
  bound: string
  rows: number
  compared: BuiltLeaf['certainty']
  /** Where it lies while it is no leaf. */
  beside: string | null
  /** What the leaf is called whose place it took. */
  kept: string | null
  resumed: boolean
}

export interface LeavesResult {
  backup: string
  dataset: string
  table: string
  exchanged: boolean
  leaves: RestoredLeafResult[]
  /** Loads since the backup whose rows went with the leaves that were replaced. */
  loaded_since: { load: number; input: string }[]
  seconds: number
}

export const leaseOf = (table: RelationName) => `restore ${shown(table)}`

/**
 * Restores what was planned: leaves beside the table, proved, and then exchanged for those that are there.
 *
 * @throws DwhError what happened, and what is untouched
 */
export async function runLeaves(
  session: Session,
  work: Work,
  plan: LeavesPlan,
  run: number,
): Promise<LeavesResult> {
  const started = performance.now()
  const { wishes, parent } = plan
  const application = `dwh restore ${run}`
  return underLease(session, work, leaseOf(parent), run, async (lease) => {
    let isExchanging = false
    try {
      await using crew = await Crew.hire(session, work, wishes.jobs, application)
      for (const member of crew.sessions) await lease.join(member)
      for (const leftover of wishes.anew ? plan.leftovers : []) await dropAside(session, leftover)
      const built = await step(
        work,
        'leaves',
        () => buildLeaves(session, crew, work, lease, plan, run),
        (leaves) => `${leaves.length} restored beside ${shown(parent)}, and equal`,
      )
      if (!wishes.beside) {
        isExchanging = true
        await step(work, 'exchange', () => exchangeLeaves(session, work, lease, exchangeOrder(plan, built)))
      }
      return result(plan, built, started)
    } catch (error) {
      throw withState(error, plan, isExchanging)
    }
  })
}

function result(plan: LeavesPlan, built: BuiltLeaf[], started: number): LeavesResult {
  const { wishes, parent } = plan
  const { schema } = parent
  return {
    backup: wishes.backup.name,
    dataset: wishes.dataset.name,
    table: shown(parent),
    exchanged: !wishes.beside,
    leaves: built.map(({ planned, aside, rows, certainty, resumed }) => ({
      leaf: shown({ schema, name: planned.name }),
      bound: planned.bound,
      rows,
      compared: certainty,
      beside: wishes.beside ? shown(aside) : null,
      kept: !wishes.beside && planned.twin ? shown({ schema, name: keptName(plan, planned.name) }) : null,
      resumed,
    })),
    loaded_since: plan.loadedSince.map(({ load, input }) => ({ load, input })),
    seconds: Math.round(performance.now() - started) / 1000,
  }
}

/** Drops what was made beside a table and never exchanged; only what bears the oid that the ledger knows. */
export async function dropAside(session: Session, leaf: RestoredLeaf): Promise<void> {
  const { schema_name: schema, aside_name: name, aside_oid: oid } = leaf
  await inTransaction(session, async () => {
    if ((await findOid(session, { schema, name })) === oid)
      await session.run(`DROP TABLE ${relation({ schema, name })}`)
    await advanceRestoredLeaf(session, leaf.leaf, 'ended')
  })
}

function withState(thrown: unknown, { parent, wishes }: LeavesPlan, isExchanging: boolean): DwhError {
  const error = toDwhError(thrown)
  const untouched = isExchanging
    ? `no leaf of ${shown(parent)} is half exchanged, and what was restored is kept beside it`
    : /untouched|was touched|left alone/.test(error.message)
      ? ''
      : `no leaf of ${shown(parent)} was touched`
  const hint = ['PROOF_FAILED', 'INPUT_BROKEN'].includes(error.code)
    ? `begin anew with --anew, or take another backup than ${wishes.backup.name}: dwh backup list`
    : 'run the same command again: it resumes'
  return new DwhError(error.code, [error.message, untouched].filter(Boolean).join('; '), {
    cause: error,
    hint: error.hint ?? hint,
  })
}
