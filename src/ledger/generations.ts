import { DwhError } from '../errors.ts'
import { type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Chunk, ChunkFigures, StoredProof } from './chunk.ts'

/** How the rows that were replaced differ from those that took their place. */
export interface Difference {
  added: number
  removed: number
  /** Rows of one key with other values. */
  changed: number
  /** How many of those differ in a column. */
  columns: Record<string, number>
}

/** A table that keeps rows of a chunk beside the target. */
export interface GenerationTable extends RelationName {
  /** Rows that a forced chunk has replaced, or rows that nobody sees yet, or no more. */
  kind: 'former' | 'withheld'
  rows: number
  /** Of all tables of the chunk together; with the first of them. */
  difference: Difference | undefined
}

/** As the ledger has it. */
export interface Generation {
  generation: number
  chunk: number
  kind: GenerationTable['kind']
  /** Quoted, with its schema. */
  table_name: string
  rows: number
  difference: Difference | null
  made_at: Date
  /** When its rows went back, or were let go. */
  gone_at: Date | null
}

/** In the transaction that makes the tables. */
export async function keepGenerations(
  session: Session,
  chunk: number,
  tables: GenerationTable[],
): Promise<void> {
  for (const table of tables)
    await session.run(sql('ledger/keep_generation'), [
      chunk,
      table.kind,
      relation(table),
      table.rows,
      table.difference === undefined ? null : JSON.stringify(table.difference),
    ])
}

/** Newest first; those that are gone too. */
export async function listGenerations(session: Session, chunks: number[]): Promise<Generation[]> {
  return session.rows<Generation>(sql('ledger/list_generations'), [chunks])
}

/**
 * In the transaction that drops or brings back their tables.
 *
 * @throws DwhError LEASE_LOST when somebody was faster
 */
export async function endGenerations(session: Session, generations: Generation[]): Promise<void> {
  if (generations.length === 0) return
  const ended = await session.rows(sql('ledger/end_generations'), [
    generations.map(({ generation }) => generation),
  ])
  if (ended.length < generations.length) throw overtaken('the rows that are kept aside')
}

/**
 * In the transaction that takes the rows of a chunk back.
 *
 * @returns the chunk that counts for its window again, if there is one
 * @throws DwhError LEASE_LOST when the chunk does not count any more
 */
export async function undoChunk(session: Session, chunk: number): Promise<number | undefined> {
  if (!(await session.row(sql('ledger/undo_chunk'), [chunk]))) throw overtaken(`chunk ${chunk}`)
  const revived = await session.row<{ chunk: number }>(sql('ledger/revive_chunk'), [chunk])
  return revived?.chunk
}

/**
 * In the transaction that publishes rows which were withheld.
 *
 * @throws DwhError LEASE_LOST when they are published already
 */
export async function acceptChunk(
  session: Session,
  chunk: number,
  end: { load: number; figures: Partial<ChunkFigures>; proof: StoredProof | undefined },
): Promise<void> {
  await session.run(sql('ledger/supersede_chunk'), [chunk])
  const accepted = await session.row(sql('ledger/accept_chunk'), [
    chunk,
    end.load,
    JSON.stringify(end.figures),
    end.proof === undefined ? null : JSON.stringify(end.proof),
  ])
  if (!accepted) throw overtaken(`chunk ${chunk}`)
}

export interface ChunkFilter {
  datasets?: string[] | undefined
  source?: string | undefined
  backfill?: number | undefined
  /** A day that windows must reach beyond, and one that they must begin before, such as 2024-01-31. */
  from?: string | undefined
  to?: string | undefined
}

/** Chunks of a warehouse by dataset, source, parameters and window; without a backfill only those that count. */
export async function findChunks(session: Session, warehouse: string, filter: ChunkFilter): Promise<Chunk[]> {
  const { datasets, source, backfill, from, to } = filter
  return session.rows<Chunk>(sql('ledger/find_chunks'), [
    warehouse,
    datasets ?? null,
    source ?? null,
    backfill ?? null,
    from ?? null,
    to ?? null,
  ])
}

/**
 * The chunks that have counted for the window of one, each after the one before it: the first is that chunk, the last the one
 * that counts. With it, newest first, those that it took the place of.
 */
export async function lineageOf(
  session: Session,
  chunk: Chunk,
): Promise<{ later: Chunk[]; former: Chunk[] }> {
  const all = await session.rows<Chunk>(sql('ledger/lineage'), [chunk.chunk])
  const walk = (next: (from: Chunk) => Chunk | undefined) => {
    const found: Chunk[] = []
    for (let at = next(chunk); at && !found.includes(at); at = next(at)) found.push(at)
    return found
  }
  return {
    later: walk(({ superseded_by }) => all.find((one) => one.chunk === superseded_by)),
    former: walk((from) => all.find(({ superseded_by }) => superseded_by === from.chunk)),
  }
}

/** A load that has come after a chunk. */
export interface LaterLoad {
  load: number
  run: number | null
  input: string
  leaves: { name: string }[]
  /** Rows have moved by it, or given way to others. */
  takes: boolean
  /** Of a chunk that counts. */
  of: LoadedChunk | null
}

export type LoadedChunk = Pick<
  Chunk,
  'chunk' | 'backfill' | 'dataset' | 'source' | 'parameters' | 'zone' | 'window_from' | 'window_to'
> &
  Pick<ChunkFigures, 'inserted' | 'updated' | 'moved' | 'replaced'> & {
    /** In its scope and window when it ended. */
    rows: number | null
  }

/** Loads into the table of a chunk that have come after its end. */
export async function laterLoads(
  session: Session,
  { schema_name, table_name, ended_at, load }: Chunk,
): Promise<LaterLoad[]> {
  return session.rows<LaterLoad>(sql('ledger/later_loads'), [schema_name, table_name, ended_at, load])
}

function overtaken(what: string): DwhError {
  return new DwhError(
    'LEASE_LOST',
    `another run has changed ${what} meanwhile; nothing was changed by this one`,
    {
      hint: 'see: dwh backfill list',
    },
  )
}
