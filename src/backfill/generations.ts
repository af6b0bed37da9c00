import { endGenerations, type Generation, keepGenerations, listGenerations } from '../ledger/generations.ts'
import type { ChunkEnd } from '../load/chunk.ts'
import { parseRelation, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'

/** How tables begin that keep rows of one attempt at a chunk beside its dataset. */
export function generationTables({ chunk, attempts }: { chunk: number; attempts: number }): string {
  return attempts > 1 ? `dwh_chunk_${chunk}_try_${attempts}` : `dwh_chunk_${chunk}`
}

/** The same, of what an undo or an accept has taken out of the dataset. */
export function exchangedTables(chunk: number, how: 'undo' | 'accept', run: number): string {
  return `dwh_chunk_${chunk}_${how}_${run}`
}

/** A table of a generation; one with a label behind its name was a leaf of the dataset. */
export function keptTable({ table_name }: Generation): RelationName & { isLeaf: boolean } {
  const table = parseRelation(table_name)
  return { ...table, isLeaf: !/^dwh_chunk_\d+(_(try|undo|accept)_\d+)*$/.test(table.name) }
}

/** What is kept of some chunks and has not gone. */
export async function openGenerations(session: Session, chunks: number[]): Promise<Generation[]> {
  return (await listGenerations(session, chunks)).filter(({ gone_at }) => gone_at === null)
}

/** In the last transaction of a chunk: what an earlier attempt at it withheld has no use any more. */
export async function settleGenerations(session: Session, chunk: number, end: ChunkEnd): Promise<void> {
  await dropWithheld(session, chunk)
  await keepGenerations(session, chunk, end.generations)
}

/** The same of a chunk whose source has no rows any more. */
export async function dropWithheld(session: Session, chunk: number): Promise<void> {
  const before = (await openGenerations(session, [chunk])).filter(({ kind }) => kind === 'withheld')
  await dropGenerations(session, before)
}

/** In a transaction: the tables go, or have gone, and the ledger says so. Locks: ACCESS EXCLUSIVE on what nobody reads. */
export async function dropGenerations(session: Session, generations: Generation[]): Promise<void> {
  for (const generation of generations)
    await session.run(`DROP TABLE IF EXISTS ${relation(keptTable(generation))}`)
  await endGenerations(session, generations)
}
