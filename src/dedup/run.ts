import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { type Lease, underLease } from '../ledger/lease.ts'
import type { Furniture } from '../partitions/leaf-sql.ts'
import { tellSealed } from '../partitions/sealed.ts'
import { ident, identList, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { type ProofColumn, proofColumns } from '../proof/columns.ts'
import {
  addProofs,
  equalProofs,
  type Proof,
  type ProofRow,
  proofAggregates,
  proveRelation,
  readProof,
} from '../proof/hash.ts'
import { asideStatements } from './aside.ts'
import { addKeyConstraint, type Member } from './constraint.ts'
import type { DedupPlan } from './plan.ts'
import { supersededSelect } from './rule.ts'

export interface Deduplicated {
  /** Rows moved to the table for duplicates. */
  moved: number
  /** The constraint, where this run has added it. */
  constraint: string | null
}

/** How often the move is tried when rows that it moves are changed at the same moment. */
const attempts = 5

/**
 * Moves all but the newest row of each key to `<name>_duplicates`, then adds the missing constraint. Readers and writers go
 * on; a writer of a row that is being moved waits for the move.
 *
 * The rows move in one transaction, on one snapshot: stopped before its commit nothing has happened. In it each leaf that
 * loses rows is proved: what is left and what was moved are together what was there.
 *
 * Locks: ROW EXCLUSIVE on the table, row locks on the rows that move; then those of `addKeyConstraint`.
 *
 * @throws DwhError ROWS_UNFIT, LEAF_SEALED, PROOF_FAILED, LEASE_LOST, LOCK_HELD
 */
export async function dedup(
  session: Session,
  work: Work,
  plan: DedupPlan,
  run: number,
): Promise<Deduplicated> {
  return underLease(session, work, `dedup ${shown(plan.table)}`, run, async (lease) => {
    const moved = await moveAll(session, work, lease, plan)
    const { constraint } = plan
    if (constraint.state === 'missing') {
      await step(
        work,
        'constraint',
        () => addKeyConstraint(session, work, plan.table, plan.members, constraint, plan.tablespace),
        () => `${constraint.name} (${constraint.columns.join(', ')})`,
      )
    }
    if (moved > 0) {
      await step(work, 'vacuum', async () => {
        for (const { member } of plan.superseded) await session.run(`VACUUM (ANALYZE) ${relation(member)}`)
      })
    }
    return { moved, constraint: constraint.state === 'missing' ? constraint.name : null }
  })
}

async function moveAll(session: Session, work: Work, lease: Lease, plan: DedupPlan): Promise<number> {
  if (plan.duplicates.rows === 0) return 0
  return await step(
    work,
    'move',
    () => persist(work, () => move(session, lease, plan).catch(tellRefused)),
    (rows) => `${rows.toLocaleString('en')} rows to ${shown(plan.aside)}`,
  )
}

/** Foreign keys that refuse do so when the row goes, or at the commit. */
function tellRefused(error: unknown): never {
  if (error instanceof DwhError && error.code === 'LEAF_SEALED')
    throw tellSealed(error, 'nothing was changed')
  if (!(error instanceof DwhError && hasState(error, sqlstate.foreignKeyViolation))) throw error
  throw new DwhError(
    'ROWS_UNFIT',
    `a row to be moved is referred to: ${error.message}; nothing was changed`,
    {
      cause: error,
      hint: 'let the other table refer to the newest row of the key, and run the same command again',
    },
  )
}

/** A row that changed under the snapshot fails the move as a whole: it begins again with a new one. */
async function persist<T>(work: Work, attempt: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    work.signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (n === attempts || !hasState(error, sqlstate.serializationFailure, sqlstate.deadlockDetected))
        throw error
      work.emit({ type: 'note', message: `rows changed while they were moved: once more (attempt ${n + 1})` })
    }
  }
}

/** One transaction on one snapshot. */
async function move(session: Session, lease: Lease, plan: DedupPlan): Promise<number> {
  const { table, rule, aside, members } = plan
  return inTransaction(
    session,
    async () => {
      // From here on no column comes or goes; a lock takes no snapshot yet.
      await session.run(`LOCK TABLE ${relation(table)} IN ROW EXCLUSIVE MODE`)
      const columns = await proofColumns(session, table.oid)
      if (columns.some(({ name }) => !plan.columns.includes(name))) throw changed(plan, 'a column')
      if (!aside.exists) {
        const furniture = await session.one<Furniture>(sql('partitions/furniture'), [table.oid])
        for (const statement of asideStatements(aside, table, {
          ...furniture,
          tablespace: plan.tablespace ?? furniture.tablespace,
        }))
          await session.run(statement)
      }
      await session.run(
        `CREATE TEMPORARY TABLE dwh_superseded ON COMMIT DROP AS ${supersededSelect(relation(table), rule)}`,
      )
      await session.run('ANALYZE pg_temp.dwh_superseded')
      const counts = await session.rows<{ leaf: number; rows: number }>(
        'SELECT leaf::int8 AS leaf, count(*) AS rows FROM pg_temp.dwh_superseded GROUP BY 1 ORDER BY 1',
      )
      let moved = 0
      for (const { leaf, rows } of counts) {
        const member = members.find(({ oid }) => oid === leaf)
        if (!member) throw changed(plan, 'a leaf')
        moved += await moveFrom(session, plan, member, rows, columns)
      }
      await lease.check(session)
      return moved
    },
    'ISOLATION LEVEL REPEATABLE READ',
  )
}

/** Moves the superseded rows of one leaf, and proves that the two parts are the whole. */
async function moveFrom(
  session: Session,
  plan: DedupPlan,
  member: Member,
  rows: number,
  columns: ProofColumn[],
): Promise<number> {
  const leaf = `ONLY ${relation(member)}`
  const list = identList(plan.columns)
  const before = await proveRelation(session, columns, leaf)
  const moved = readProof(
    await session.one<ProofRow>(
      `WITH moved AS (DELETE FROM ${leaf} AS source USING pg_temp.dwh_superseded AS superseded ` +
        `WHERE superseded.leaf = source.tableoid AND superseded.place = source.ctid ` +
        `RETURNING ${plan.columns.map((column) => `source.${ident(column)}`).join(', ')}), ` +
        `aside AS (INSERT INTO ${relation(plan.aside)} (${list}) SELECT ${list} FROM moved RETURNING ${list}) ` +
        `SELECT ${proofAggregates(columns)} FROM aside`,
    ),
  )
  const after = await proveRelation(session, columns, leaf)
  requireWhole(member, rows, before, moved, after)
  return moved.rows
}

function requireWhole(member: Member, rows: number, before: Proof, moved: Proof, after: Proof): void {
  if (moved.rows === rows && equalProofs(before, addProofs([after, moved]))) return
  throw new DwhError(
    'PROOF_FAILED',
    `of ${shown(member)} ${before.rows} rows are not the ${after.rows} that stay and the ${moved.rows} of ${rows} that moved; nothing was changed`,
    { hint: 'a trigger or a rule may change or keep rows: see which, and run the same command again' },
  )
}

function changed({ table }: DedupPlan, what: string): DwhError {
  return new DwhError(
    'TARGET_UNFIT',
    `${shown(table)} got ${what} after the plan was made; nothing was changed`,
    {
      hint: 'run the same command again',
    },
  )
}
