import { createHash } from 'node:crypto'
import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { findConversion, openConversion, recordUndo } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import type { PlannedLeaf } from '../partitions/plan.ts'
import { Crew } from '../postgres/crew.ts'
import { relation, shown } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction, Transaction } from '../postgres/transaction.ts'
import { proofColumns } from '../proof/columns.ts'
import { addProofs, equalProofs, type Proof } from '../proof/hash.ts'
import { copyRows } from './copy.ts'
import { buildLeafIndexes, leafIndexes } from './leaf-indexes.ts'
import { type LeafProofs, leafCondition, provePlain, proveShadow } from './parts.ts'
import type { ConversionPlan } from './plan.ts'
import { parentIndexStatements, shadowStatements } from './shadow.ts'
import { swap } from './swap.ts'

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

export interface Converted {
  conversion: number
  proof: Proof
}

/**
 * Turns a plain table into a partitioned one. Readers are never blocked but for the moment of the swap; writers wait from
 * the first step to the last. Nothing of the plain table changes before the swap, and it is kept after it.
 *
 * Killed anywhere, the same call resumes: what stands in the shadow tree is kept leaf by leaf if its proof still equals
 * the plain table's, and copied again if not.
 *
 * @throws DwhError LOCK_HELD, ROWS_UNFIT, PROOF_FAILED, LEASE_LOST; the plain table is as it was
 */
export async function convert(
  session: Session,
  work: Work,
  plan: ConversionPlan,
  conditions: Conditions,
): Promise<Converted> {
  const { run, lease, jobs } = conditions
  const name = shown(plan.table)
  const { has_lz4: lz4 } = await session.one<{ has_lz4: boolean }>(sql('postgres/has_lz4'))
  if (plan.compression === 'lz4' && !lz4) {
    work.emit({
      type: 'warning',
      message: `this server was built without LZ4: ${name} keeps the default compression`,
    })
  }
  await using holder = await session.sibling(`dwh convert ${run} writers wait`)
  await using crew = await Crew.hire(session, work, jobs, `dwh convert ${run}`)
  for (const member of [session, holder, ...crew.sessions]) await lease.join(member)

  await using blocked = await step(work, `${name}: writers wait from here`, () =>
    blockWriters(holder, work, plan),
  )
  const conversion = await step(work, `${name}: shadow tree`, () =>
    prepareShadow(session, plan, conditions, lz4),
  )
  const columns = await proofColumns(session, plan.table.oid)
  const expected = await step(work, `${name}: hash`, () => provePlain(session, plan, columns))
  const stale = differing(plan, expected, await proveShadow(session, plan, columns))
  const copying = `${name}: copy`
  await step(work, copying, async () => {
    if (stale.length === 0) return
    // A filter costs every row a comparison; without a leaf to keep there is nothing to filter.
    const keeps = plan.leaves.some((leaf) => !stale.includes(leaf) && expected.get(leaf.name)?.rows !== 0)
    const filter = keeps ? stale.map((leaf) => `(${leafCondition(plan, leaf)})`).join(' OR ') : undefined
    await session.run(`TRUNCATE ${stale.map((leaf) => relation(leaf)).join(', ')}`)
    await copyRows(session, crew, work, plan, lz4, copying, filter)
  })
  const indexing = `${name}: indexes`
  await step(work, indexing, async () => {
    await buildLeafIndexes(session, crew, work, plan, indexing)
    await adoptIndexes(session, plan)
  })
  const proof = await step(
    work,
    `${name}: proof`,
    async () => compare(plan, expected, await proveShadow(session, plan, columns)),
    ({ rows }) => `${rows.toLocaleString('en')} rows, both sides equal`,
  )
  await step(work, `${name}: analyze`, async () => {
    await crew.each(
      plan.leaves,
      async (worker, leaf) => void (await worker.run(`VACUUM (ANALYZE) ${relation(leaf)}`)),
    )
    await session.run(`ANALYZE ${relation(plan.shadow)}`)
  })
  await step(work, `${name}: swap`, async () => {
    await swap(holder, work, lease, plan, conversion, proof)
    await blocked.commit()
  })
  return { conversion, proof }
}

/**
 * Opens the transaction that keeps writers out of the plain table until the swap or the end.
 *
 * Locks: SHARE on the plain table, under the lock ladder.
 */
async function blockWriters(holder: Session, work: Work, plan: ConversionPlan): Promise<Transaction> {
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
async function prepareShadow(
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
      await session.run(
        `DROP TABLE IF EXISTS ${relation({ schema: open.schema_name, name: open.shadow_name })}`,
      )
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

/** The leaves whose two sides are not equal. */
function differing({ leaves }: ConversionPlan, expected: LeafProofs, found: LeafProofs): PlannedLeaf[] {
  return leaves.filter(({ name }) => !equalProofs(expected.get(name) as Proof, found.get(name) as Proof))
}

/** Lets the parent's indexes adopt those of the leaves, all in one transaction. */
async function adoptIndexes(session: Session, plan: ConversionPlan): Promise<void> {
  const { adopted } = await session.one<{ adopted: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = $1::regclass) AS adopted',
    [relation(plan.shadow)],
  )
  if (adopted) return
  await inTransaction(session, async () => {
    for (const statement of parentIndexStatements(plan)) await session.run(statement)
    for (const { promote, adopt } of leafIndexes(plan)) {
      if (promote) await session.run(promote)
      await session.run(adopt)
    }
  })
}

/** @throws DwhError PROOF_FAILED naming the leaves that differ */
function compare(plan: ConversionPlan, expected: LeafProofs, found: LeafProofs): Proof {
  const different = differing(plan, expected, found)
  if (different.length === 0) return addProofs(found.values())
  const list = different.map(
    ({ name }) => `${name} (${expected.get(name)?.rows} rows before, ${found.get(name)?.rows} after)`,
  )
  throw new DwhError(
    'PROOF_FAILED',
    `the copy differs from ${shown(plan.table)} in ${list.join(', ')}; the table is as it was`,
    {
      hint: 'run the same command again: it copies these leaves anew; see: dwh runs log',
    },
  )
}
