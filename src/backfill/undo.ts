import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Chunk } from '../ledger/chunks.ts'
import {
  endGenerations,
  findChunks,
  type Generation,
  keepGenerations,
  laterLoads,
  lineageOf,
  listGenerations,
  undoChunk,
} from '../ledger/generations.ts'
import type { ChunkEnd } from '../load/chunk.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { isComparable, isProved, proveStanding, standingOf } from './chunk-proof.ts'
import { chunkName } from './chunk-work.ts'
import { isEdited } from './edited.ts'
import { exchangeKept, type KeptChunk } from './exchange-kept.ts'
import { dropGenerations, keptTable, openGenerations } from './generations.ts'

/** A chunk whose former rows can come back. */
export interface Undoable {
  chunk: Chunk
  name: string
  /** Where the former rows are kept. */
  former: Generation[]
  /** Chunks of the same window that were merged over it, oldest first: they go with it. */
  later: Chunk[]
  /** What has changed rows of scope and window since; empty where they are as the chunk has left them. */
  since: string[]
}

/** A chunk that cannot be undone, and why. */
export interface NotUndoable {
  chunk: Chunk
  name: string
  why: string
}

export interface UndoPlan {
  /** Newest first. */
  chunks: Undoable[]
  others: NotUndoable[]
}

/**
 * What an undo of a forced backfill would take back. Reads the rows of scope and window of each chunk once, to tell whether
 * somebody has changed them since; changes nothing.
 *
 * @param only this chunk of it
 * @throws DwhError USAGE where the run has planned no backfill, or has no such chunk
 */
export async function planUndo(
  session: Session,
  warehouse: Warehouse,
  backfill: number,
  only?: number | undefined,
): Promise<UndoPlan> {
  const chunks = await chunksOf(session, warehouse, backfill, only)
  const kept = await listGenerations(
    session,
    chunks.map(({ chunk }) => chunk),
  )
  const plan: UndoPlan = { chunks: [], others: [] }
  for (const chunk of chunks.toSorted(
    (a, b) => Number(b.ended_at) - Number(a.ended_at) || b.chunk - a.chunk,
  )) {
    const name = chunkName(chunk)
    const former = kept.filter((one) => one.chunk === chunk.chunk && one.kind === 'former')
    const open = former.filter(({ gone_at }) => gone_at === null)
    const lineage = await lineageOf(session, chunk)
    const why = (await whyNotNow(session, chunk, lineage)) ?? whyNot(chunk, former, open)
    if (why !== undefined) plan.others.push({ chunk, name, why })
    else
      plan.chunks.push({
        ...{ chunk, name, former: open, later: lineage.later },
        since: await sinceOf(session, warehouse, chunk, lineage.later),
      })
  }
  return plan
}

type Lineage = Awaited<ReturnType<typeof lineageOf>>

/** Of chunks for one window those go back first that have kept what they found; what was merged between goes with the others. */
async function whyNotNow(
  session: Session,
  chunk: Chunk,
  { later, former }: Lineage,
): Promise<string | undefined> {
  const numbers = [...later, ...former].map((one) => one.chunk)
  const kept = (await openGenerations(session, numbers)).filter(({ kind }) => kind === 'former')
  const keeps = (one: Chunk) => kept.some((generation) => generation.chunk === one.chunk)
  const last = later.findLast(keeps)
  if (last)
    return `gave way to chunk ${last.chunk}: undo the backfill of that one first: dwh backfill undo ${last.backfill}`
  const own = await openGenerations(session, [chunk.chunk])
  const below = own.some(({ kind }) => kind === 'former') ? undefined : former.find(keeps)
  if (!below || later.length > 0) return undefined
  return `was merged over chunk ${below.chunk}: dwh backfill undo ${below.backfill} --chunk ${below.chunk} --force takes both back`
}

async function sinceOf(
  session: Session,
  warehouse: Warehouse,
  chunk: Chunk,
  later: Chunk[],
): Promise<string[]> {
  // Which rows are its own cannot be told; requireAsLoaded says so.
  if (isEdited(warehouse, chunk)) return []
  const merged = later.map((one) => `chunk ${one.chunk} of backfill ${one.backfill} was merged over it`)
  return [...merged, ...(await changedSince(session, warehouse, later.at(-1) ?? chunk))]
}

/** @throws DwhError USAGE */
export async function chunksOf(
  session: Session,
  warehouse: Warehouse,
  backfill: number,
  only: number | undefined,
): Promise<Chunk[]> {
  const chunks = await findChunks(session, warehouse.name, { backfill })
  if (chunks.length === 0)
    throw new DwhError('USAGE', `run ${backfill} is no backfill of warehouse ${warehouse.name}`, {
      hint: 'see: dwh backfill list',
    })
  const wanted = only === undefined ? chunks : chunks.filter(({ chunk }) => chunk === only)
  if (wanted.length > 0) return wanted
  const numbers = chunks.slice(0, 5).map(({ chunk }) => chunk)
  throw new DwhError('USAGE', `backfill ${backfill} has no chunk ${only}`, {
    hint: `its chunks are ${numbers.join(', ')}${chunks.length > 5 ? ', …' : ''}; see: dwh backfill status ${backfill}`,
  })
}

function whyNot(chunk: Chunk, former: Generation[], open: Generation[]): string | undefined {
  const { state } = chunk
  if (state === 'undone') return 'is undone already'
  if (!['done', 'flagged', 'superseded'].includes(state)) return `is ${state}: it has replaced nothing`
  if (former.length === 0) return 'was merged and not forced: it has replaced nothing that could come back'
  return open.length === 0 ? 'has no former rows any more: they were let go' : undefined
}

/** In the words of the ledger where it knows who it was. */
async function changedSince(session: Session, warehouse: Warehouse, chunk: Chunk): Promise<string[]> {
  const standing = await standingOf(session, warehouse, chunk)
  if (!standing) return [`${chunk.schema_name}.${chunk.table_name} is gone`]
  const { proof } = chunk
  if (!proof || !isComparable(proof))
    return [
      `${proof ? `its proof is one of ${proof.algorithm}` : 'it was not proved when it ended'}: whether its rows are what they were nobody can tell`,
    ]
  const found = await proveStanding(session, standing)
  if (isProved(found, proof)) return []
  const loads = (await laterLoads(session, chunk)).filter(({ leaves }) =>
    leaves.some(({ name }) => standing.tables.some((table) => table.name === name)),
  )
  const rows = `${found.rows.toLocaleString('en')} rows are there, ${proof.rows.toLocaleString('en')} were`
  if (loads.length === 0) return [`${rows}: changed by no load`]
  return [rows, ...loads.slice(-3).map(({ load, run, input }) => `load ${load} of run ${run}: ${input}`)]
}

/** @throws DwhError ROWS_UNFIT where rows have changed since, unless that shall not matter */
export function requireUnchanged({ chunks }: UndoPlan, isForced: boolean): void {
  const changed = chunks.filter(({ since }) => since.length > 0)
  const [first] = changed
  if (!first || isForced) return
  const which = changed.length === 1 ? first.name : `${changed.length} windows, among them ${first.name}`
  const back = 'what is there now is kept aside too, and dwh backfill accept brings it back'
  throw new DwhError(
    'ROWS_UNFIT',
    `rows of ${which} have changed since (${first.since.join('; ')}); nothing was changed`,
    {
      hint: changed.some(({ later }) => later.length > 0)
        ? `add --force: what was merged over it goes with it; ${back}`
        : `undo what came later first, or add --force: ${back}`,
    },
  )
}

/**
 * Puts the former rows of chunks back, the newest chunk first, each in one transaction; what the chunk had brought is kept
 * aside as withheld, so that `accept` brings it back. Stopped in between, the same command does the rest.
 *
 * Locks: those of a load.
 *
 * @throws DwhError LEASE_LOST, LOCK_HELD, LEAF_SEALED, TARGET_UNFIT
 */
export async function undo(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  plan: UndoPlan,
  run: number,
  jobs: number,
): Promise<{ chunk: number; name: string; rows: number; revived: number | undefined }[]> {
  const done: { chunk: number; name: string; rows: number; revived: number | undefined }[] = []
  for (const { chunk, name, former, later, since } of plan.chunks) {
    let revived: number | undefined
    const concluding = async (last: Session, end: ChunkEnd) => {
      // Each makes the one before it count again.
      for (const one of [chunk, ...later].toReversed()) revived = await undoChunk(last, one.chunk)
      await settleKept(last, chunk.chunk, former, end)
    }
    // Between the plan and now somebody has read it, and said yes.
    const expects = since.length === 0 && chunk.proof && isComparable(chunk.proof) ? chunk.proof : undefined
    const kept: KeptChunk = {
      how: 'undo',
      which: 'former',
      ...{ chunk, generations: former, rules: { replaces: true, expects, keepsAs: 'withheld', concluding } },
    }
    await exchangeKept(session, work, warehouse, kept, run, jobs)
    const rows = former.reduce((sum, generation) => sum + generation.rows, 0)
    done.push({ chunk: chunk.chunk, name, rows, revived })
  }
  return done
}

/** In the last transaction: tables whose rows are in the dataset now go, and those that keep what was there come. */
export async function settleKept(
  session: Session,
  chunk: number,
  published: Generation[],
  end: ChunkEnd,
): Promise<void> {
  // A table that has become a leaf bears the name of one by now.
  for (const generation of published)
    await session.run(`DROP TABLE IF EXISTS ${relation(keptTable(generation))}`)
  await endGenerations(session, published)
  await keepGenerations(session, chunk, end.generations)
}

/**
 * Lets go of all rows that a backfill keeps aside: nothing of it can be undone or accepted afterwards.
 *
 * Locks: ACCESS EXCLUSIVE on the tables that keep them.
 *
 * @returns what was let go
 */
export async function letGoOf(session: Session, chunks: number[]): Promise<Generation[]> {
  return inTransaction(session, async () => {
    const kept = await openGenerations(session, chunks)
    await dropGenerations(session, kept)
    return kept
  })
}
