import type { Chunk, StoredProof } from '../ledger/chunk.ts'
import { Territory, touchedLeaves } from '../load/publish/territory.ts'
import { inspectTarget } from '../partitions/tree.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { proofColumns } from '../proof/columns.ts'
import { addProofs, type Proof, proofAlgorithm, proveRelation } from '../proof/hash.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { windowOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'

/** What a chunk stands for, as the database has it now. */
export interface Standing {
  dataset: Dataset
  territory: Territory
  /** The tables that rows of it may lie in. */
  tables: RelationName[]
}

/** @returns undefined where the table is gone */
export async function standingOf(
  session: Session,
  warehouse: Warehouse,
  chunk: Pick<Chunk, 'dataset' | 'source' | 'parameters' | 'window_from' | 'window_to' | 'zone'>,
): Promise<(Standing & { oid: number }) | undefined> {
  const { dataset } = sourceOf(warehouse, chunk.dataset, chunk.source)
  const target = await inspectTarget(session, dataset.target, dataset.partition)
  if (target.kind === 'missing') return undefined
  const territory = new Territory(dataset, chunk.parameters, dataset.partition ? windowOf(chunk) : undefined)
  const tables = target.kind === 'partitioned' ? touchedLeaves(territory, target.leaves) : [dataset.target]
  return { dataset, territory, tables, oid: target.oid }
}

/** Reads all rows of scope and window once. */
export async function proveStanding(
  session: Session,
  { territory, tables, oid }: Standing & { oid: number },
): Promise<Proof> {
  const columns = await proofColumns(session, oid)
  const proofs: Proof[] = []
  for (const table of tables)
    proofs.push(await proveRelation(session, columns, `ONLY ${relation(table)} WHERE ${territory.condition}`))
  return addProofs(proofs)
}

/** Rows of one key, or equal rows where there is no key, that stand there more than once: how many are too many. */
export async function countDoubled(
  session: Session,
  { dataset, territory, tables }: Standing,
): Promise<number> {
  const row = dataset.key?.map((name) => `t.${ident(name)}`)
  const rows = tables.map((table) => `SELECT * FROM ONLY ${relation(table)} WHERE ${territory.condition}`)
  if (rows.length === 0) return 0
  const { doubled } = await session.one<{ doubled: number }>(
    `SELECT coalesce(sum(n - 1), 0)::bigint AS doubled FROM (SELECT count(*) AS n FROM (${rows.join(' UNION ALL ')}) AS t ` +
      `GROUP BY ${row?.join(', ') ?? 't::text'} HAVING count(*) > 1) AS groups`,
  )
  return doubled
}

export function isProved(found: Proof, proof: StoredProof): boolean {
  const { rows, hash1, hash2 } = found
  return rows === proof.rows && String(hash1) === proof.hash_1 && String(hash2) === proof.hash_2
}

/** Proofs of another algorithm say nothing to this one. */
export const isComparable = ({ algorithm }: StoredProof) => algorithm === proofAlgorithm
