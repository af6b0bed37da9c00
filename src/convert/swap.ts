import type { Work } from '../events.ts'
import { type Rename, recordSwap } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import { fitName, ident, relation } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { type Proof, proofAlgorithm } from '../proof/hash.ts'
import { shadowIndexName } from './indexes.ts'
import type { ConversionPlan } from './plan.ts'

/** The names that the swap exchanges, in order: the plain table and its indexes step aside, the shadow takes theirs. */
export function swapRenames({ table, shadow, before, indexes }: ConversionPlan): Rename[] {
  const { schema } = table
  const aside = indexes.flatMap(({ replaces }): Rename[] =>
    replaces
      ? [{ kind: 'index', schema, from: replaces.name, to: fitName(replaces.name, '_before_setup') }]
      : [],
  )
  const forward = indexes.map(
    (index): Rename => ({ kind: 'index', schema, from: shadowIndexName(index), to: index.name }),
  )
  return [
    { kind: 'table', schema, from: table.name, to: before.name },
    ...aside,
    { kind: 'table', schema, from: shadow.name, to: table.name },
    ...forward,
  ]
}

/** `ALTER TABLE … RENAME TO …`; renaming an index renames its constraint too. */
export function renameStatement({ kind, schema, from, to }: Rename): string {
  return `ALTER ${kind.toUpperCase()} ${relation({ schema, name: from })} RENAME TO ${ident(to)}`
}

/** The sequences of serial columns follow the name of the table. */
export function sequenceStatements({ table }: ConversionPlan): string[] {
  return table.columns.flatMap(({ name, sequence }) =>
    sequence ? [`ALTER SEQUENCE ${sequence} OWNED BY ${relation(table)}.${ident(name)}`] : [],
  )
}

/**
 * Exchanges the two tables in the transaction that has kept writers out since the copy began, and commits it.
 *
 * Locks: ACCESS EXCLUSIVE on both tables for the time of the renames, taken in one statement under the lock ladder; a
 * savepoint keeps the SHARE lock while an attempt fails.
 */
export async function swap(
  holder: Session,
  work: Work,
  lease: Lease,
  plan: ConversionPlan,
  conversion: number,
  proof: Proof,
): Promise<void> {
  const renames = swapRenames(plan)
  await climb(holder, work, { relations: [plan.table, plan.shadow] }, async (timeout) => {
    await holder.run('SAVEPOINT swap')
    try {
      await holder.run(`SET LOCAL lock_timeout = ${timeout}`)
      // lock_timeout counts for each lock; the statement that takes both is bounded as a whole.
      await holder.run(`SET LOCAL statement_timeout = ${timeout * 2}`)
      await holder.run(
        `LOCK TABLE ${relation(plan.table)}, ${relation(plan.shadow)} IN ACCESS EXCLUSIVE MODE`,
      )
      await holder.run('SET LOCAL statement_timeout = 0')
    } catch (error) {
      await holder.client.query('ROLLBACK TO SAVEPOINT swap').catch(() => {})
      throw error
    }
  })
  for (const rename of renames) await holder.run(renameStatement(rename))
  for (const statement of sequenceStatements(plan)) await holder.run(statement)
  await recordSwap(holder, conversion, renames, { ...proof, algorithm: proofAlgorithm })
  await lease.check(holder)
}
