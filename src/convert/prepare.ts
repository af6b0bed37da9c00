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
    const same = open?.plain_oid === plan.table.oid ? open : undefined
    if (same?.structure === structure && (await isWhole(session, plan))) return same.conversion
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
      before: same?.before ?? before,
      backup: same?.backup ?? backup,
    })
    await lease.check(session)
    return conversion
  })
}

/** Somebody may have dropped the shadow tree of an interrupted conversion, or some of its leaves. */
async function isWhole(session: Session, { shadow, leaves }: ConversionPlan): Promise<boolean> {
  const { attached } = await session.one<{ attached: number }>(
    'SELECT count(*) AS attached FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid ' +
      'WHERE i.inhparent = to_regclass($1) AND c.relname = ANY ($2)',
    [relation(shadow), leaves.map(({ name }) => name)],
  )
  return attached === leaves.length
}
