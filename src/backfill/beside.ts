import type { Chunk, StoredProof } from '../ledger/chunk.ts'
import { type LoadedChunk, listGenerations } from '../ledger/generations.ts'
import { readTableColumns } from '../load/columns.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { proofColumns } from '../proof/columns.ts'
import { addProofs, type Proof, proveRelation } from '../proof/hash.ts'
import { isProved, type Standing } from './chunk-proof.ts'
import { keptTable } from './generations.ts'

/** A later chunk, with the condition of its rows. */
export interface Rewriting {
  of: LoadedChunk
  /** SQL; undefined where nobody can tell any more which rows were its own. */
  condition: string | undefined
}

/**
 * What is known of the rows of a chunk that later ones have not written:
 *
 * - `none`: there are none
 * - `intact`, `changed`: with those that the later one found there, they make the hash that the chunk has left, or they do not
 * - `unknown`: what the later ones found there is not known any more
 */
export interface Beside {
  is: 'none' | 'intact' | 'changed' | 'unknown'
  /** How many there are, and how many there were where that can be told. */
  rows: number
  were: number | undefined
}

/** Reads the rows of the chunk once more, and those that a forced chunk has kept aside. */
export async function judgeBeside(
  session: Session,
  standing: Standing & { oid: number },
  proof: StoredProof,
  rewriting: Rewriting[],
): Promise<Beside> {
  const conditions = rewriting.flatMap(({ condition }) => (condition === undefined ? [] : [`(${condition})`]))
  const [first, ...more] = rewriting
  const unknown = (rows: number, were?: number): Beside => ({ is: 'unknown', rows, were })
  if (!first || conditions.length < rewriting.length) return unknown(0)
  const own = standing.territory.condition
  const beside = `${own} AND (${conditions.join(' OR ')}) IS NOT TRUE`
  const columns = await proofColumns(session, standing.oid)
  const prove = async (condition: string) => {
    const proofs: Proof[] = []
    for (const table of standing.tables)
      proofs.push(await proveRelation(session, columns, `ONLY ${relation(table)} WHERE ${condition}`))
    return addProofs(proofs)
  }
  const left = await prove(beside)
  const known = (is: Beside['is']): Beside => ({ is, rows: left.rows, were: undefined })
  if (left.rows === 0) return known('none')
  // Of several nobody knows what one has found of another.
  if (more.length > 0) return unknown(left.rows)
  const { inserted, updated, moved, replaced } = first.of
  const { rows: shared } = await prove(`${own} AND (${first.condition})`)
  if (updated + moved + replaced === 0 && shared === inserted)
    return known(isProved(left, proof) ? 'intact' : 'changed')
  const former = await formerRows(session, standing, first.of)
  if (former) return known(isProved(addProofs([left, former]), proof) ? 'intact' : 'changed')
  // A merge keeps no former rows, but tells how many were new. All that it has left lies within the chunk, and is still there.
  const isCounted = moved + replaced === 0 && shared === first.of.rows
  return unknown(left.rows, isCounted ? proof.rows - (shared - inserted) : undefined)
}

/** Of the rows that a forced chunk has found and kept, those that were of another one. */
async function formerRows(
  session: Session,
  { oid, territory }: Standing & { oid: number },
  { chunk }: Pick<Chunk, 'chunk'>,
): Promise<Proof | undefined> {
  const kept = (await listGenerations(session, [chunk])).filter(({ kind }) => kind === 'former')
  if (kept.length === 0 || kept.some(({ gone_at }) => gone_at !== null)) return undefined
  const columns = await proofColumns(session, oid)
  const proofs: Proof[] = []
  for (const table of kept.map(keptTable)) {
    const there = await session.one<{ oid: number | null }>('SELECT to_regclass($1)::oid::bigint AS oid', [
      relation(table),
    ])
    if (there.oid === null) return undefined
    const names = new Set((await readTableColumns(session, there.oid)).map(({ name }) => name))
    if (!columns.every(({ name }) => names.has(name))) return undefined
    proofs.push(await proveRelation(session, columns, `ONLY ${relation(table)} WHERE ${territory.condition}`))
  }
  return addProofs(proofs)
}
