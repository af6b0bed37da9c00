import { createHash } from 'node:crypto'
import type { Work } from '../events.ts'
import { findConversion, openConversion, recordUndo } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import { relation } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction, Transaction } from '../postgres/transaction.ts'
import { leafIndexes } from './leaf-indexes.ts'
import type { ConversionPlan } from './plan.ts'
import { parentIndexStatements, shadowStatements } from './shadow.ts'
import { dropShadow } from './undo.ts'

/** Under what a conversion works. */
export interface Conditions {
  warehouse: string
  run: number
  lease: Lease
  /** Connections that copy and build indexes. */
  jobs: number
  /** What was measured of the plain table, and where its backup is: kept with the conversion. */
  before: object
  backup: string | null
}

/**
 * Opens the transaction that keeps writers out of the plain table until the swap or the end.
 *
 * Locks: SHARE on the plain table, under the lock ladder.
 */
export async function blockWriters(holder: Session, work: Work, plan: ConversionPlan): Promise<Transaction> {
  return climb(holder, work, { relations: [plan.table] }, async (timeout) => {
    const transaction = await Transaction.begin(holder)
    try {
      await holder.run(`SET LOCAL lock_timeout = ${timeout}`)
      await holder.run(`LOCK TABLE ${relation(plan.table)} IN SHARE MODE`)
      return transaction
    } catch (error) {
      await transaction[Symbol.asyncDispose]()
      throw error
    }
  })
}

/** Creates the shadow tree with its ledger row, or takes over the one that a killed run left, if it is still the same. */
export async function prepareShadow(
  session: Session,
  plan: ConversionPlan,
  { warehouse, run, lease, before, backup }: Conditions,
  lz4: boolean,
): Promise<number> {
  const statements = shadowStatements(plan, lz4)
  const everything = [
    ...statements,
    ...parentIndexStatements(plan),
    ...leafIndexes(plan).map(({ build }) => build),
  ]
  const structure = createHash('sha256').update(everything.join('\n')).digest('hex')
  return inTransaction(session, async () => {
    const open = await findConversion(session, plan.table)
    if (open && open.structure === structure && open.plain_oid === plan.table.oid) return open.conversion
    if (open) {
      await dropShadow(session, open)
      await recordUndo(session, open.conversion)
    }
    for (const statement of statements) await session.run(statement)
    const conversion = await openConversion(session, {
      warehouse,
      dataset: plan.dataset.name,
      table: plan.table,
      run,
      plainOid: plan.table.oid,
      shadowName: plan.shadow.name,
      beforeName: plan.before.name,
      structure,
      before,
      backup,
    })
    await lease.check(session)
    return conversion
  })
}
