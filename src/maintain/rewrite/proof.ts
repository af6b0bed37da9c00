import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { readSeals } from '../../ledger/seals.ts'
import { resealLeaf } from '../../partitions/seal.ts'
import { relation, shown } from '../../postgres/identifiers.ts'
import { climbInTransaction } from '../../postgres/ladder.ts'
import type { Session } from '../../postgres/session.ts'
import { proofColumns } from '../../proof/columns.ts'
import { equalProofs, type Proof, proveRelation } from '../../proof/hash.ts'
import { type CaredTable, readTable } from '../tables.ts'
import { plainCount } from '../words.ts'

/** What is known of the rows of a table before it is rewritten. */
export interface RowsBefore {
  rows: number
  /** Inserted less deleted, and all that was written, by the statistics of the server. */
  growth: number
  /** Of a sealed leaf, into which nobody writes meanwhile. */
  sealed: { seal: string; proof: Proof } | undefined
}

export async function countRows(session: Session, table: CaredTable): Promise<RowsBefore> {
  const seal = (await readSeals(session, [table.oid])).find(({ state }) => state === 'sealed')
  const growth = (await readTable(session, table))?.growth ?? 0
  if (!seal) return { rows: await count(session, table), growth, sealed: undefined }
  const proof = await prove(session, table)
  return { rows: proof.rows, growth, sealed: { seal: seal.seal, proof } }
}

/**
 * Compares the rows of a table with those before. Of a sealed leaf their hash; of one into which others write meanwhile their
 * number, and what the server has counted of writes.
 *
 * @throws DwhError PROOF_FAILED
 */
export async function compareRows(session: Session, table: CaredTable, before: RowsBefore): Promise<number> {
  if (before.sealed) {
    const after = await prove(session, table)
    if (equalProofs(before.sealed.proof, after)) return after.rows
    throw differs(table, before.rows, after.rows)
  }
  const rows = await count(session, table)
  if (rows === before.rows) return rows
  // The statistics of a session that writes come late: only what cannot be is an error.
  const written = ((await readTable(session, table))?.growth ?? 0) - before.growth
  if (written === 0 && rows < before.rows) throw differs(table, before.rows, rows)
  return rows
}

/** A rewrite makes a seal void, which a leaf that was proved to be the same gets again. */
export async function seal(
  session: Session,
  work: Work,
  table: CaredTable,
  { sealed }: RowsBefore,
): Promise<void> {
  if (!sealed) return
  const leaf = { schema: table.schema, name: table.name, oid: table.oid, seal: sealed.seal }
  await climbInTransaction(session, work, { relations: [table] }, () =>
    resealLeaf(session, leaf, 'it was rewritten'),
  )
}

async function count(session: Session, table: CaredTable): Promise<number> {
  const { rows } = await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ONLY ${relation(table)}`)
  return rows
}

async function prove(session: Session, table: CaredTable): Promise<Proof> {
  return proveRelation(session, await proofColumns(session, table.oid), `ONLY ${relation(table)}`)
}

function differs(table: CaredTable, before: number, after: number): DwhError {
  return new DwhError(
    'PROOF_FAILED',
    `${shown(table)} has ${plainCount(after, 'row')} after its rewrite and had ${before}: they are not the same`,
    { hint: 'compare it with the last backup: dwh backup verify' },
  )
}
