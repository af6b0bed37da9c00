import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { type ProofColumn, proofRow } from './columns.ts'

/** Stored beside every proof: proofs of another algorithm cannot be compared with those of this one. */
export const proofAlgorithm = 'record-sum-2x64/3'

/**
 * An order-free hash of a set of rows: their number and two sums of 64-bit row hashes. Sums and not xor, because xor loses rows
 * that appear twice. Proofs of disjoint sets add up.
 */
export interface Proof {
  rows: number
  hash1: bigint
  hash2: bigint
}

export const emptyProof: Proof = { rows: 0, hash1: 0n, hash2: 0n }

export function equalProofs(a: Proof, b: Proof): boolean {
  return a.rows === b.rows && a.hash1 === b.hash1 && a.hash2 === b.hash2
}

/** The proof of the union of disjoint sets. */
export function addProofs(proofs: Iterable<Proof>): Proof {
  let sum = emptyProof
  for (const { rows, hash1, hash2 } of proofs) {
    sum = { rows: sum.rows + rows, hash1: sum.hash1 + hash1, hash2: sum.hash2 + hash2 }
  }
  return sum
}

/** The aggregates of a proof over a FROM clause that has the columns; for builders of larger statements. */
export function proofAggregates(columns: ProofColumn[]): string {
  return aggregates(rowHash(columns))
}

/**
 * PostgreSQL adds the hashes of a record's fields up, each times a power of 31, so that a plain sum over rows would not notice
 * values that change places between rows; hashed once more, under the seed of each sum, a row counts as a whole.
 */
function aggregates(hash: string): string {
  const sum = (seed: number) => `coalesce(sum(hashtextextended(${hash}, ${seed})), 0)::text`
  return `count(*) AS rows, ${sum(0)} AS hash_1, ${sum(1)} AS hash_2`
}

/** The hash of the fields of one row, as text: bigint's own hash folds its halves together. */
function rowHash(columns: ProofColumn[]): string {
  return `hash_record_extended(${proofRow(columns)}, 0)::text COLLATE "C"`
}

/** A row of `proofAggregates`. */
export interface ProofRow {
  rows: number
  hash_1: string
  hash_2: string
}

export function readProof({ rows, hash_1, hash_2 }: ProofRow): Proof {
  return { rows, hash1: BigInt(hash_1), hash2: BigInt(hash_2) }
}

/**
 * The proof of one relation, reading it once.
 *
 * @param from a quoted relation, with ONLY where its children shall not count
 */
export async function proveRelation(session: Session, columns: ProofColumn[], from: string): Promise<Proof> {
  return readProof(await session.one<ProofRow>(`SELECT ${proofAggregates(columns)} FROM ${from}`))
}

/**
 * The same for a session without parallel workers: OFFSET 0 has each row hashed once and not for each sum, which spares two fifths
 * of the time. Workers could then read, and no more.
 */
export async function proveAlone(session: Session, columns: ProofColumn[], from: string): Promise<Proof> {
  const hashes = `(SELECT ${rowHash(columns)} AS hash FROM ${from} OFFSET 0) AS hashes`
  return readProof(await session.one<ProofRow>(`SELECT ${aggregates('hash')} FROM ${hashes}`))
}

/**
 * The proofs of the parts of one relation, reading it once.
 *
 * @param part an SQL expression of type integer that says to which part a row belongs; NULL is a part too
 */
export async function proveParts(
  session: Session,
  columns: ProofColumn[],
  from: string,
  part: string,
): Promise<Map<number | null, Proof>> {
  const rows = await session.rows<ProofRow & { part: number | null }>(
    `SELECT ${part} AS part, ${proofAggregates(columns)} FROM ${from} GROUP BY 1`,
  )
  return new Map(rows.map((row) => [row.part, readProof(row)]))
}

/** The hash of the fixed test vectors: two servers can be compared by proof only where this is equal. */
export async function proofVectors(session: Session): Promise<string> {
  const { hash_1, hash_2 } = await session.one<{ hash_1: string; hash_2: string }>(sql('proof/vectors'))
  return `${proofAlgorithm}:${hash_1}:${hash_2}`
}
