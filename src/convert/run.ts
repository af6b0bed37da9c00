import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import type { PlannedLeaf } from '../partitions/plan.ts'
import { Crew } from '../postgres/crew.ts'
import { type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { type ProofColumn, proofColumns } from '../proof/columns.ts'
import { addProofs, equalProofs, type Proof, proveRelation } from '../proof/hash.ts'
import { copyRows } from './copy.ts'
import { duplicateRule } from './duplicates.ts'
import {
  keptForeignKeys,
  leafForeignKeyStatements,
  parentForeignKeyStatements,
  validateInbound,
} from './foreign-keys.ts'
import { buildLeafIndexes, leafIndexes } from './leaf-indexes.ts'
import { rebuildStatements, shadowViewName } from './materialized-views.ts'
import { type LeafProofs, leafCondition, provePlain, proveShadow } from './parts.ts'
import type { ConversionPlan } from './plan.ts'
import { blockWriters, type Conditions, prepareShadow } from './prepare.ts'
import { type Superseded, setSupersededAside } from './set-aside.ts'
import { parentIndexStatements } from './shadow.ts'
import { rehearse, replacements, replicaIdentityStatements, swap } from './swap.ts'

/** ANALYZE ONLY came with PostgreSQL 18. */
const analyzeOnly = 180_000

export interface Converted {
  conversion: number
  /** Of the rows of the partitioned table. */
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
  for (const member of [holder, ...crew.sessions]) await lease.join(member)

  await using blocked = await step(work, `${name}: writers wait from here`, () =>
    blockWriters(holder, work, plan),
  )
  const conversion = await step(work, `${name}: shadow tree`, () =>
    prepareShadow(session, plan, conditions, lz4),
  )
  if (!(await hasIndexes(session, plan)))
    await step(work, `${name}: rehearsal`, () => rehearsal(holder, work, plan))
  const columns = await proofColumns(session, plan.table.oid)
  const rule = duplicateRule(plan.dataset, plan.table)
  const superseded =
    rule &&
    (await step(
      work,
      `${name}: duplicates`,
      () => setSupersededAside(session, plan, rule, conversion, columns),
      (found) =>
        found ? `${found.rows.toLocaleString('en')} rows set aside in ${shown(found.aside)}` : 'none',
    ))
  const expected = await step(work, `${name}: hash`, () => provePlain(session, plan, columns, superseded))
  const stale = differing(plan, expected.leaves, await proveShadow(session, plan, columns))
  const copying = `${name}: copy`
  await step(work, copying, async () => {
    if (stale.length === 0) return
    await session.run(`TRUNCATE ${stale.map((leaf) => relation(leaf)).join(', ')}`)
    const filter = copyFilter(plan, stale, expected.leaves)
    await copyRows(session, crew, work, plan, lz4, copying, superseded, filter)
  })
  const indexing = `${name}: indexes`
  await step(work, indexing, async () => {
    await buildLeafIndexes(session, crew, work, plan, indexing)
    await adoptIndexes(session, plan)
  })
  const proof = await step(
    work,
    `${name}: proof`,
    async () => {
      if (superseded) await compareAside(session, superseded, expected.aside, columns)
      return compare(plan, expected.leaves, await proveShadow(session, plan, columns))
    },
    ({ rows }) =>
      `${rows.toLocaleString('en')} rows${superseded ? ` and ${superseded.rows.toLocaleString('en')} set aside` : ''}, both sides equal`,
  )
  if (keptForeignKeys(plan.table).length > 0) {
    await step(work, `${name}: foreign keys`, () => addForeignKeys(session, crew, work, plan))
  }
  await step(work, `${name}: analyze`, () => analyze(session, crew, plan))
  const { materializedViews } = plan.table.dependents
  if (materializedViews.length > 0) {
    await step(work, `${name}: materialized views`, () => rebuildViews(session, plan))
  }
  const validate = await step(work, `${name}: swap`, async () => {
    const later = await swap(holder, work, lease, plan, conversion, proof)
    if (superseded) await holder.run(`DROP TABLE ${relation(superseded.places)}`)
    await blocked.commit()
    return later
  })
  await validateInbound(session, work, plan.table, { conversion, unvalidated: validate })
  // Where a kill keeps this from happening, the next run analyzes and autovacuum comes by.
  await step(work, `${name}: vacuum`, () => tidy(session, crew, plan))
  return { conversion, proof }
}

/** A filter costs every row a comparison; without a leaf to keep there is nothing to filter. */
function copyFilter(plan: ConversionPlan, stale: PlannedLeaf[], expected: LeafProofs): string | undefined {
  const keeps = plan.leaves.some((leaf) => !stale.includes(leaf) && expected.get(leaf.name)?.rows !== 0)
  return keeps ? stale.map((leaf) => `(${leafCondition(plan, leaf)})`).join(' OR ') : undefined
}

/** The exchange is tried on the empty tree; where readers do not let go of the table it has to do without. */
async function rehearsal(holder: Session, work: Work, plan: ConversionPlan): Promise<void> {
  try {
    await rehearse(holder, plan)
  } catch (error) {
    if (!(error instanceof DwhError && error.code === 'LOCK_HELD')) throw error
    work.emit({
      type: 'note',
      message: `the swap of ${shown(plan.table)} is not rehearsed: readers hold the table`,
    })
  }
}

/** The leaves, side by side, and of the parent what does not mean reading the leaves once more. */
async function analyze(session: Session, crew: Crew, { leaves, shadow }: ConversionPlan): Promise<void> {
  await crew.each(leaves, async (worker, leaf) => void (await worker.run(`ANALYZE ${relation(leaf)}`)))
  if (session.serverVersion >= analyzeOnly) await session.run(`ANALYZE ONLY ${relation(shadow)}`)
}

/** What can wait until writers no longer do: the visibility of the leaves, and the statistics across them. */
async function tidy(session: Session, crew: Crew, { leaves, table }: ConversionPlan): Promise<void> {
  await crew.each(leaves, async (worker, leaf) => void (await worker.run(`VACUUM ${relation(leaf)}`)))
  // To analyze a parent is to analyze its leaves again, before PostgreSQL 18.
  if (session.serverVersion < analyzeOnly) await session.run(`ANALYZE ${relation(table)}`)
}

/** Leaf by leaf on the crew's connections, then the parent; what a killed run has added is kept. */
async function addForeignKeys(session: Session, crew: Crew, work: Work, plan: ConversionPlan): Promise<void> {
  const has = async (worker: Session, table: RelationName, name: string) =>
    (
      await worker.one<{ found: boolean }>(
        'SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2) AS found',
        [relation(table), name],
      )
    ).found
  for (const key of keptForeignKeys(plan.table)) {
    if (await has(session, plan.shadow, key.name)) continue
    await crew.each(plan.leaves, async (worker, leaf) => {
      const { add, validate } = leafForeignKeyStatements(key, leaf)
      if (!(await has(worker, leaf, key.name))) {
        await climbInTransaction(worker, work, { relations: [leaf] }, () => worker.run(add))
      }
      await worker.run(validate)
    })
    await climbInTransaction(session, work, { relations: [plan.shadow] }, async () => {
      for (const statement of parentForeignKeyStatements(plan.shadow, key)) await session.run(statement)
    })
  }
}

/** Builds every materialized view over the table anew, over the shadow tree. */
async function rebuildViews(session: Session, plan: ConversionPlan): Promise<void> {
  const { materializedViews } = plan.table.dependents
  const standIns = replacements(plan, materializedViews)
  await inTransaction(session, async () => {
    for (const { schema, name } of materializedViews.toReversed()) {
      await session.run(
        `DROP MATERIALIZED VIEW IF EXISTS ${relation({ schema, name: shadowViewName(name) })}`,
      )
    }
    for (const view of materializedViews) {
      for (const statement of rebuildStatements(view, standIns, true)) await session.run(statement)
      const rebuilt = { schema: view.schema, name: shadowViewName(view.name) }
      if (view.populated) await session.run(`ANALYZE ${relation(rebuilt)}`)
    }
  })
}

/** The leaves whose two sides are not equal. */
function differing({ leaves }: ConversionPlan, expected: LeafProofs, found: LeafProofs): PlannedLeaf[] {
  return leaves.filter(({ name }) => !equalProofs(expected.get(name) as Proof, found.get(name) as Proof))
}

/** The parent of the shadow has its indexes: they come all at once, after those of the leaves. */
async function hasIndexes(session: Session, { shadow }: ConversionPlan): Promise<boolean> {
  const { has } = await session.one<{ has: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = $1::regclass) AS has',
    [relation(shadow)],
  )
  return has
}

/** Lets the parent's indexes adopt those of the leaves, all in one transaction. */
async function adoptIndexes(session: Session, plan: ConversionPlan): Promise<void> {
  if (await hasIndexes(session, plan)) return
  await inTransaction(session, async () => {
    for (const statement of parentIndexStatements(plan)) await session.run(statement)
    for (const { promote, adopt } of leafIndexes(plan)) {
      if (promote) await session.run(promote)
      await session.run(adopt)
    }
    for (const statement of replicaIdentityStatements(plan)) await session.run(statement)
  })
}

/** @throws DwhError PROOF_FAILED when the rows set aside are not those of the plain table */
async function compareAside(
  session: Session,
  { aside }: Superseded,
  expected: Proof,
  columns: ProofColumn[],
): Promise<void> {
  const found = await proveRelation(session, columns, relation(aside))
  if (equalProofs(expected, found)) return
  throw new DwhError(
    'PROOF_FAILED',
    `${shown(aside)} has ${found.rows} rows that are not the ${expected.rows} superseded ones; the table is as it was`,
    { hint: 'run the same command again: it sets them aside anew; see: dwh runs log' },
  )
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
