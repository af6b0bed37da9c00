import type { Work } from '../events.ts'
import type { Chunk } from '../ledger/chunks.ts'
import {
  type ChunkFilter,
  findChunks,
  type LaterLoad,
  type LoadedChunk,
  laterLoads,
} from '../ledger/generations.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Warehouse } from '../warehouse/load.ts'
import {
  countDoubled,
  isComparable,
  isProved,
  proveStanding,
  type Standing,
  standingOf,
} from './chunk-proof.ts'
import { chunkName } from './chunk-work.ts'
import { type Days, findGaps, type Gap, without } from './gaps.ts'
import { failures } from './gates.ts'

/**
 * What the database says of a chunk:
 *
 * - `equal`: rows and hash are those that the chunk has left
 * - `deleted`, `added`, `changed`: they are not, and no later chunk says why
 * - `doubled`: rows of one key are there more than once
 * - `thin`: they are, and fell short of a threshold then
 * - `rewritten`: a later chunk has written to the same window; what that has left is judged with it
 * - `empty`: it brought no rows, and nothing was proved
 * - `unproved`: nothing can be compared, or a later chunk has written to some of its days and nobody can tell of the others
 */
export type Finding =
  | 'equal'
  | 'deleted'
  | 'added'
  | 'changed'
  | 'doubled'
  | 'thin'
  | 'rewritten'
  | 'empty'
  | 'unproved'

/** One chunk that counts, held against the database. */
export interface Verified {
  chunk: number
  backfill: number
  name: string
  dataset: string
  source: string
  window_from: string | null
  window_to: string | null
  parameters: Record<string, string>
  finding: Finding
  /** In scope and window: now, and when the chunk ended. */
  rows: number | null
  expected: number | null
  note: string
}

/** What a verification says; its differences are those chunks and gaps that are not as the ledger says. */
export interface Certificate {
  database: string
  /** By the clock of the server. */
  at: string
  chunks: Verified[]
  /** Days that no chunk has brought. */
  gaps: Gap[]
  certified: { chunks: number; rows: number }
  differences: number
}

/** The findings that are differences. */
export const different: Finding[] = ['deleted', 'added', 'changed', 'doubled', 'thin']

/**
 * Holds what the ledger says of backfills against the rows that are there: counts and hashes of each chunk that counts, and the
 * days between that none has brought. Reads every row of their windows; each chunk is read in one moment with its row of the
 * ledger. Changes nothing.
 *
 * Locks: ACCESS SHARE.
 */
export async function verify(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  filter: ChunkFilter,
): Promise<Certificate> {
  const found = await findChunks(session, warehouse.name, filter)
  const counting = found.filter(({ state }) => state === 'done' || state === 'flagged')
  const { database, at } = await session.one<{ database: string; at: string }>(sql('backfill/place_and_time'))
  const chunks: Verified[] = []
  for (const chunk of counting) {
    work.signal.throwIfAborted()
    chunks.push(await verifyChunk(session, warehouse, chunk))
    work.emit({
      type: 'progress',
      step: 'verify',
      done: chunks.length,
      total: counting.length,
      unit: 'windows',
    })
  }
  const gaps = findGaps(found, filter)
  const equal = chunks.filter(({ finding }) => finding === 'equal')
  return {
    database,
    at,
    chunks,
    gaps,
    certified: { chunks: equal.length, rows: equal.reduce((sum, { rows }) => sum + (rows ?? 0), 0) },
    differences: chunks.filter(({ finding }) => different.includes(finding)).length + gaps.length,
  }
}

async function verifyChunk(session: Session, warehouse: Warehouse, chunk: Chunk): Promise<Verified> {
  const { chunk: number, backfill, dataset, source, window_from, window_to, parameters } = chunk
  const judged = await inTransaction(
    session,
    () => judge(session, warehouse, chunk),
    'ISOLATION LEVEL REPEATABLE READ READ ONLY',
  )
  const name = chunkName(chunk)
  return { chunk: number, backfill, name, dataset, source, window_from, window_to, parameters, ...judged }
}

type Judged = Pick<Verified, 'finding' | 'rows' | 'expected' | 'note'>

async function judge(session: Session, warehouse: Warehouse, chunk: Chunk): Promise<Judged> {
  const { proof } = chunk
  if (!isKnown(warehouse, chunk)) {
    const note = 'the warehouse file does not have its dataset and source any more'
    return { finding: 'unproved', rows: null, expected: proof?.rows ?? null, note }
  }
  const standing = await standingOf(session, warehouse, chunk)
  if (!standing)
    return { finding: 'deleted', rows: 0, expected: proof?.rows ?? null, note: 'the table is gone' }
  if (!proof) {
    const isEmpty = chunk.figures?.records === 0
    const note = isEmpty ? 'the source had no rows' : 'it was not proved when it ended'
    return { finding: isEmpty ? 'empty' : 'unproved', rows: null, expected: null, note }
  }
  const found = await proveStanding(session, standing)
  const counts = { rows: found.rows, expected: proof.rows }
  if (!isComparable(proof))
    return {
      ...counts,
      finding: 'unproved',
      note: `proofs of ${proof.algorithm} cannot be compared any more`,
    }
  if (isProved(found, proof)) {
    const short = failures(chunk.gates ?? [])
    return { ...counts, finding: short.length > 0 ? 'thin' : 'equal', note: short.join('; ') }
  }
  const later = await laterLoads(session, chunk)
  const rewriting = await rewritingOf(session, warehouse, chunk, standing, later)
  const [first] = rewriting
  // Rows do not go by a merge.
  if (first && found.rows >= proof.rows) {
    const by = `by chunk ${first.chunk} of backfill ${first.backfill}`
    const left = daysBeside(chunk, rewriting)
    if (!left) return { ...counts, finding: 'rewritten', note: by }
    return {
      ...counts,
      finding: 'unproved',
      note: `${by}, but for ${left}: of those days nothing can be told`,
    }
  }
  const { key, partition } = standing.dataset
  // A row whose date was mended goes to another window.
  const mayMove = key !== undefined && partition?.key.some((column) => !key.includes(column)) === true
  const names = new Set(standing.tables.map(({ name }) => name))
  const loads = later.filter(
    ({ of, leaves, takes }) =>
      (mayMove && takes) || (of === null && leaves.some(({ name }) => names.has(name))),
  )
  const suspects = loads.map(({ load, run }) => `load ${load} of run ${run}`).slice(-3)
  const note =
    suspects.length > 0
      ? `${suspects.join(', ')} ${mayMove ? 'wrote to the same leaves since, or took rows to others' : 'wrote to the same leaves since'}`
      : 'by no load'
  if (found.rows < proof.rows) return { ...counts, finding: 'deleted', note }
  const doubled = found.rows > proof.rows ? await countDoubled(session, standing) : 0
  if (doubled > 0)
    return { ...counts, finding: 'doubled', note: `${doubled} rows stand there more than once` }
  return { ...counts, finding: found.rows > proof.rows ? 'added' : 'changed', note }
}

const isKnown = ({ datasets }: Warehouse, { dataset, source }: Pick<Chunk, 'dataset' | 'source'>) =>
  datasets.some(({ name, sources }) => name === dataset && source in sources)

/** Later chunks that may have changed rows of a chunk: of the same days, and of a scope that some row shares. */
async function rewritingOf(
  session: Session,
  warehouse: Warehouse,
  chunk: Chunk,
  { territory, tables }: Standing,
  later: LaterLoad[],
): Promise<LoadedChunk[]> {
  const found: LoadedChunk[] = []
  for (const { of } of later) {
    if (!of || !touches(of, chunk)) continue
    if (!isKnown(warehouse, of)) {
      // Which rows were its own nobody can tell any more.
      found.push(of)
      continue
    }
    const other = await standingOf(session, warehouse, of)
    if (!other) continue
    for (const table of tables) {
      const { shared } = await session.one<{ shared: boolean }>(
        `SELECT EXISTS (SELECT FROM ONLY ${relation(table)} WHERE ${territory.condition} AND ${other.territory.condition}) AS shared`,
      )
      if (shared && !found.includes(of)) found.push(of)
    }
  }
  return found
}

/** The days of a chunk that no other window holds: `2024-01-01 to 2024-01-08`. */
function daysBeside({ window_from, window_to }: Chunk, others: LoadedChunk[]): string | undefined {
  if (window_from === null || window_to === null) return undefined
  const spans = others.flatMap(({ window_from: from, window_to: to }): Days[] =>
    from === null || to === null ? [[window_from, window_to]] : [[from, to]],
  )
  const left = without([[window_from, window_to]], spans).map(([from, to]) => `${from} to ${to}`)
  return left.length > 0 ? left.join(', ') : undefined
}

/** Windows of two chunks overlap; what has none is everywhere. */
function touches(
  one: { window_from: string | null; window_to: string | null },
  { window_from, window_to }: Chunk,
): boolean {
  if (one.window_from === null || one.window_to === null || window_from === null || window_to === null)
    return true
  return one.window_from < window_to && window_from < one.window_to
}
