import type { Work } from '../events.ts'
import type { Chunk, StoredProof } from '../ledger/chunk.ts'
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
import type { Proof } from '../proof/hash.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { judgeBeside, type Rewriting } from './beside.ts'
import {
  countDoubled,
  isComparable,
  isProved,
  proveStanding,
  type Standing,
  standingOf,
} from './chunk-proof.ts'
import { chunkName } from './chunk-work.ts'
import { isEdited } from './edited.ts'
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
  const counting = found.filter(({ state }) => ['done', 'flagged', 'superseded'].includes(state))
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
  const judged =
    chunk.state === 'superseded'
      ? overtaken(chunk)
      : await inTransaction(
          session,
          () => judge(session, warehouse, chunk),
          'ISOLATION LEVEL REPEATABLE READ READ ONLY',
        )
  const name = chunkName(chunk)
  return { chunk: number, backfill, name, dataset, source, window_from, window_to, parameters, ...judged }
}

type Judged = Pick<Verified, 'finding' | 'rows' | 'expected' | 'note'>

/** Only of a backfill that is named: its rows are judged with the chunk that has the same window since. */
function overtaken({ proof, superseded_by: by }: Chunk): Judged {
  const note = `chunk ${by} has brought the whole window since`
  return { finding: 'rewritten', rows: null, expected: proof?.rows ?? null, note }
}

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
  if (proof.condition !== undefined && isEdited(warehouse, chunk)) {
    const note = 'the warehouse file says something else about its rows than when it was loaded'
    return { finding: 'unproved', rows: null, expected: proof.rows, note }
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
  if (mayExplain(found, proof, rewriting))
    return { ...counts, ...(await judgeRewritten(session, chunk, standing, rewriting)) }
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

/** Later chunks have brought, and taken, as many rows as are more, or fewer, than there were. */
function mayExplain(found: Proof, { rows }: StoredProof, rewriting: Rewriting[]): boolean {
  const sum = (of: (one: LoadedChunk) => number) => rewriting.reduce((all, one) => all + of(one.of), 0)
  const most = rows + sum(({ inserted, moved }) => inserted + moved)
  const least = rows - sum(({ replaced, moved }) => replaced + moved)
  return rewriting.length > 0 && least <= found.rows && found.rows <= most
}

/** Of rows that later chunks have written those are judged with them; the others are held against what the chunk has left. */
async function judgeRewritten(
  session: Session,
  chunk: Chunk,
  standing: Standing & { oid: number },
  rewriting: Rewriting[],
): Promise<Pick<Judged, 'finding' | 'note'>> {
  const [first] = rewriting
  const by = `by chunk ${first?.of.chunk} of backfill ${first?.of.backfill}`
  const left = daysBeside(
    chunk,
    rewriting.map(({ of }) => of),
  )
  const beside = await judgeBeside(session, standing, chunk.proof as StoredProof, rewriting)
  if (beside.is === 'changed')
    return { finding: 'changed', note: `${by}, and rows beside its own by no load` }
  if (beside.is === 'intact' || (beside.is === 'none' && !left)) return { finding: 'rewritten', note: by }
  const { rows, were } = beside
  if (were !== undefined && rows !== were)
    return {
      finding: rows < were ? 'deleted' : 'added',
      note: `${by}, and beside its own there are ${rows} rows where ${were} were, by no load`,
    }
  const what = left ?? 'rows of another scope'
  if (were === undefined)
    return { finding: 'unproved', note: `${by}, but for ${what}: of those nothing can be told` }
  const note = `${by}, but for ${what}: there are ${rows} rows as before, and whether they are the same nobody can tell`
  return { finding: 'unproved', note }
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
): Promise<Rewriting[]> {
  const found: Rewriting[] = []
  for (const { of } of later) {
    if (!of || !touches(of, chunk)) continue
    // One that has changed nothing explains nothing.
    if (of.inserted + of.updated + of.moved + of.replaced === 0) continue
    if (!isKnown(warehouse, of)) {
      found.push({ of, condition: undefined })
      continue
    }
    const other = await standingOf(session, warehouse, of)
    if (!other) continue
    const { condition } = other.territory
    for (const table of tables) {
      const { shared } = await session.one<{ shared: boolean }>(
        `SELECT EXISTS (SELECT FROM ONLY ${relation(table)} WHERE ${territory.condition} AND ${condition}) AS shared`,
      )
      if (!shared) continue
      found.push({ of, condition })
      break
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
